"""`vlft data check`: the fate of every row, before a GPU is touched."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TextIO

import typer

from vlft.cli.options import FormatOption, SetOption, StrictOption, require_config
from vlft.errors import UsageError
from vlft.output import console
from vlft.text import counted

if TYPE_CHECKING:
    from vlft.data.findings import DataReport, RowFinding


def check(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="JSONL, JSON, CSV or Parquet; path#N as in swift."),
    ] = None,
    val: Annotated[
        list[str] | None,
        typer.Option("--val", metavar="FILE", help="Validation data, also checked for leaks."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="CONFIG", help="Takes files, model and limits from it."),
    ] = None,
    overrides: SetOption = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="M", help="Folder, hub id or family, such as qwen2_vl."),
    ] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, help="Tokens a row may have.")
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option("--max-pixels", min=1, help="Pixels of an image, at most.")
    ] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch URLs of pictures.")] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Fetch from private addresses too.")
    ] = False,
    strict: StrictOption = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="RULE", help="Suppress a rule."),
    ] = None,
    output_format: FormatOption = "text",
) -> None:
    """Say of every row whether ms-swift trains on it, drops it, replaces it or gets it wrong."""
    from msgspec.structs import replace

    from vlft.data.check import check_files
    from vlft.data.from_config import data_of_run, settings_of_flags
    from vlft.environment import ENVIRON
    from vlft.output.console import progress
    from vlft.pipeline import require_run
    from vlft.probe.data_entries import bytes_of
    from vlft.rule_catalog import find_entry

    require_config(config, overrides)
    train, held_out = list(files or ()), list(val or ())
    if config is not None:
        if model or max_length or max_pixels:
            raise UsageError("--config brings model and limits with it", "change them with --set")
        data = data_of_run(require_run(config, overrides or ()))
        settings = data.settings
        train, held_out = train or list(data.train), held_out or list(data.val)
    else:
        settings = settings_of_flags(model, max_length, max_pixels, ENVIRON)
    if not train:
        raise UsageError("no file was named", "write `vlft data check FILE`, or add --config")
    for rule in ignore or ():
        find_entry(rule)
    settings = replace(settings, fetch=fetch, allow_private=allow_private)
    size = bytes_of(train + held_out, settings.cwd)
    with progress(size, "checking rows") as advance:
        report = check_files(train, settings, val=held_out, ignore=ignore or (), advance=advance)
    severities = report.findings.severities
    with report:
        (write_json if output_format == "json" else write_text)(report)
        failed = severities["error"] or (strict and severities["warning"])
    raise typer.Exit(1 if failed else 0)


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
    from msgspec.structs import asdict

    out = out or console.stdout()
    head = {"rows": report.rows, "files": report.files, "counts": report.findings.counts}
    console.put(out, console.json_text(head)[:-1] + ', "findings": [')
    findings, separator = iter(report.findings), "\n"
    while batch := [console.json_text(asdict(one)) for one in islice(findings, _BATCH)]:
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
    from vlft.data.rules import ROW_RULES

    one = found[0]
    severity = one.severity
    if color:
        severity = f"\x1b[1;{_COLORS[severity]}m{severity}\x1b[0m"  # type: ignore[assignment]
    of_file = one.rule.startswith("file.")
    rows = "" if of_file else f"{counted(count, 'row')}, "
    lines = [f"{severity}: {rows}{_FATES[one.fate]} [{one.rule}]"]
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
    parts = [counted(report.rows, "row")]
    if len(report.files) > 1:
        parts[0] += f" in {len(report.files)} files"
    severities = report.findings.severities
    words = {"error": "error", "warning": "warning", "info": "note"}
    found = [counted(severities[name], words[name]) for name in _ORDER if severities[name]]
    tokens = report.tokens
    said = f"{parts[0]}: {', '.join(found) or 'ok'}"
    if tokens is not None:
        sign = "" if tokens.exact else "about "
        said += f"; tokens a row {sign}{tokens.p50:,} (half), {tokens.p95:,} (95 %), {tokens.max:,}"
    return said
