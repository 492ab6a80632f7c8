"""The report of a check, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Final, TextIO

from vlft.data.rules import ROW_RULES
from vlft.output import console

if TYPE_CHECKING:
    from vlft.data.checking.findings import DataReport, RowFinding

_SHOWN: Final = 3
"""Rows that are shown of each rule."""
_BATCH: Final = 1000
"""Findings that are written at once."""
_COLORS: Final = {"error": "31", "warning": "33", "info": "36"}
_ORDER: Final = ("error", "warning", "info")
_FATES: Final = {
    "dropped": "dropped when the file is loaded",
    "replaced": "another row is trained on in its place",
    "silently_wrong": "trained on, but not as it says",
    "load_fails": "the file can't be loaded",
    "unknown": "not known",
    "ok": "trained on as it is",
}


def write_json(report: DataReport, out: TextIO | None = None) -> None:
    """The documented JSON object, finding by finding: there can be millions."""
    out = out or console.stdout()
    head = {"rows": report.rows, "files": report.files, "counts": report.findings.counts}
    console.put(out, console.json_text(head)[:-1] + ', "findings": [')
    findings, separator = iter(report.findings), "\n"
    while batch := [console.json_text(one.to_json()) for one in islice(findings, _BATCH)]:
        console.put(out, separator + ",\n".join(batch))
        separator = ",\n"
    tokens = asdict(report.tokens) if report.tokens else None
    console.put(out, f'], "tokens": {console.json_text(tokens)}}}\n')


def write_text(report: DataReport, out: TextIO | None = None) -> None:
    """Rule by rule, with the first rows of each; the last line sums up."""
    out = out or console.stdout()
    color = out.isatty()
    first: dict[str, list[RowFinding]] = {}
    for found in report.findings:
        kept = first.setdefault(found.rule, [])
        if len(kept) < _SHOWN:
            kept.append(found)
    for rule in sorted(first, key=lambda rule: (_ORDER.index(first[rule][0].severity), rule)):
        text = _group(first[rule], report.findings.counts[rule], color)
        console.put(out, text + "\n", colors=color)
    console.put(out, summary(report) + "\n")


def _group(found: list[RowFinding], count: int, color: bool) -> str:
    one = found[0]
    severity = one.severity
    if color:
        severity = f"\x1b[1;{_COLORS[severity]}m{severity}\x1b[0m"  # type: ignore[assignment]
    of_file = one.rule.startswith("file.")
    counted = "" if of_file else f"{_counted(count, 'row')}, "
    lines = [f"{severity}: {counted}{_FATES[one.fate]} [{one.rule}]"]
    lines.append(f"    {ROW_RULES[one.rule].sentence}")
    lines += [f"  {console.shown(_place(each) + each.message)}" for each in found]
    if count > len(found):
        lines.append(f"  … and {count - len(found):,} more")
    hints = list(dict.fromkeys(each.hint for each in found if each.hint))
    lines += [f"    → {console.shown(hint)}" for hint in hints[:1]]
    return "\n".join(lines)


def _place(found: RowFinding) -> str:
    line = f":{found.line}" if found.line else ""
    row = f"row {found.row}: " if found.row else ""
    return f"{found.file}{line}: {row}"


def summary(report: DataReport) -> str:
    """The last line: what was looked at, and what was found."""
    parts = [_counted(report.rows, "row")]
    if len(report.files) > 1:
        parts[0] += f" in {len(report.files)} files"
    severities = report.findings.severities
    words = {"error": "error", "warning": "warning", "info": "note"}
    found = [_counted(severities[name], words[name]) for name in _ORDER if severities[name]]
    tokens = report.tokens
    said = f"{parts[0]}: {', '.join(found) or 'ok'}"
    if tokens is not None:
        sign = "" if tokens.exact else "about "
        said += f"; tokens a row {sign}{tokens.p50:,} (half), {tokens.p95:,} (95 %), {tokens.max:,}"
    return said


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"
