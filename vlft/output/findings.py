"""Findings for people: place, message, the line with a caret, what to write instead.

And for programs: JSON, GitHub's workflow commands, and SARIF 2.1.0 for code scanning and editors,
https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from msgspec import to_builtins

from vlft.findings import Finding, Severity, by_place, counted_by_severity, has_errors
from vlft.output import console
from vlft.output.console import shown
from vlft.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_LONGEST_LINE: Final = 160
_COLORS: Final = {"error": "31", "warning": "33", "info": "36"}


def to_text(
    findings: Iterable[Finding], documents: Mapping[str, str], *, color: bool = False
) -> str:
    """A block of lines for each finding.

    Args:
        findings: In the order to print.
        documents: File name → its text, for the lines.
        color: Whether to use terminal colours.
    """
    blocks = []
    lines_of: dict[str, Sequence[tuple[str, str]]] = {}
    for finding in findings:
        place = shown(_place(finding))
        message = shown(finding.message)
        head = f"{place}{painted(finding.severity, color)}: {message} [{finding.rule}]"
        file = finding.file or ""
        if file not in lines_of:
            from vlft.config.masking import masked_lines  # something is wrong

            document = documents.get(file, "")
            written = document.splitlines()
            lines_of[file] = list(zip(written, masked_lines(document), strict=False))
        lines = [head, *_excerpt(finding, lines_of[file])]
        if finding.hint:
            lines.append(f"    → {shown(finding.hint)}")
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def summary(findings: Sequence[Finding], configs: Sequence[str], concerned: int) -> str:
    """The last line: `2 errors, 1 warning in 1 file`, or `config.yaml: ok`.

    Args:
        findings: All that are printed.
        configs: The configs that were read.
        concerned: How many of them have findings.
    """
    if not findings:
        return f"{configs[0] if len(configs) == 1 else counted(len(configs), 'file')}: ok"
    counts = counted_by_severity(Counter(finding.severity for finding in findings))
    of_all = f" of {len(configs):,}" if len(configs) > 1 else ""
    return f"{counts} in {counted(concerned, 'file')}{of_all}"


def _place(finding: Finding) -> str:
    if finding.file is None:
        return f"{finding.path}: " if finding.path else ""
    if finding.line is None:
        return f"{finding.file}: "
    return f"{finding.file}:{finding.line}:{finding.column}: "


def _excerpt(finding: Finding, lines: Sequence[tuple[str, str]]) -> list[str]:
    """The line of the file and a caret under the column.

    Args:
        finding: With a place or without.
        lines: Each line as it is written, and without secrets.
    """
    if finding.file is None or finding.line is None or finding.column is None:
        return []
    if finding.line > len(lines):
        return []
    written, line = lines[finding.line - 1]
    if len(line) > _LONGEST_LINE or not line.isprintable():
        return []
    gutter = f"{finding.line:>5} | "
    column = _column_in(line, written, finding.column)
    caret = [] if column is None else [" " * (len(gutter) + column - 1) + "^"]
    return [f"{gutter}{line}", *caret]


def _column_in(masked: str, written: str, column: int) -> int | None:
    """A column of a written line in the masked one; None between two secrets."""
    before, behind = written[: column - 1], written[column - 1 :]
    if masked.startswith(before):
        return column
    return len(masked) - len(behind) + 1 if masked.endswith(behind) else None


def painted(severity: Severity, color: bool) -> str:
    """A severity, in its color on a terminal."""
    return f"\x1b[1;{_COLORS[severity]}m{severity}\x1b[0m" if color else severity


def print_findings(findings: Iterable[Finding], documents: Mapping[str, str]) -> None:
    """Findings as text on stderr, in colour on a terminal."""
    color = console.stderr().isatty()
    text = to_text(findings, documents, color=color)
    if text:
        console.note(text, colors=color)


def write_report(
    files: Mapping[str, Sequence[Finding]], documents: Mapping[str, str], output_format: str
) -> None:
    """The findings of a run over several configs, on stdout.

    Args:
        files: Config → its findings.
        documents: The texts that findings point into.
        output_format: text, json, github or sarif.
    """
    if output_format == "json":
        rows = [
            {"file": file, "ok": not has_errors(found), "findings": list(map(to_builtins, found))}
            for file, found in files.items()
        ]
        console.write_json({"version": 1, "files": rows})
        return
    # What is wrong in a base is found once for each config that extends it.
    findings = by_place(dict.fromkeys(finding for found in files.values() for finding in found))
    if output_format == "sarif":
        from vlft import __version__
        from vlft.rule_catalog import catalogue

        sentences = {entry.id: entry.sentence for entry in catalogue().values()}
        console.write_json(to_sarif(findings, sentences, __version__))
    elif output_format == "github":
        if findings:
            console.write(to_github(findings))
    else:
        if findings:
            color = console.stdout().isatty()
            console.write(to_text(findings, documents, color=color), colors=color)
        console.write(summary(findings, list(files), sum(map(bool, files.values()))))


def _sentence(finding: Finding) -> str:
    """What is wrong, where no file shows it, and what to write instead."""
    path = f"{finding.path}: " if finding.file is None and finding.path else ""
    hint = f"\n→ {finding.hint}" if finding.hint else ""
    return f"{path}{finding.message}{hint}"


_BREAKS: Final = {"\r": "%0D", "\n": "%0A"}
_COMMANDS: Final = {"error": "error", "warning": "warning", "info": "notice"}


def to_github(findings: Iterable[Finding]) -> str:
    """A line a finding: `::error file=…,line=…,col=…,title=rule::message`."""
    return "\n".join(map(_command, findings))


def _command(finding: Finding) -> str:
    properties = {
        "file": finding.file,
        "line": finding.line,
        "col": finding.column,
        "title": finding.rule,
    }
    named = ",".join(f"{k}={_property(str(v))}" for k, v in properties.items() if v is not None)
    return f"::{_COMMANDS[finding.severity]} {named}::{_data(_sentence(finding))}"


def _data(text: str) -> str:
    lines = re.split(r"(\r|\n)", text.replace("%", "%25"))
    return "".join(_BREAKS.get(line) or shown(line) for line in lines)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}


def to_sarif(
    findings: Sequence[Finding], sentences: Mapping[str, str], version: str
) -> dict[str, object]:
    """The log of one run.

    Args:
        findings: In the order to print.
        sentences: Rule → what must hold, for all rules that occur.
        version: Of vlft.
    """
    rules = sorted({finding.rule for finding in findings})
    numbers = {rule: number for number, rule in enumerate(rules)}
    described = [
        {
            "id": rule,
            "shortDescription": {"text": sentences[rule]},
            "help": {"text": f"vlft explain {rule}"},
        }
        for rule in rules
    ]
    run = {
        "tool": {"driver": {"name": "vlft", "version": version, "rules": described}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, numbers[finding.rule]) for finding in findings],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding, number: int) -> dict[str, object]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": {"text": _sentence(finding)},
        "locations": [] if finding.file is None else [_location(finding, finding.file)],
    }


def _location(finding: Finding, file: str) -> dict[str, object]:
    from urllib.parse import quote

    path = PurePath(file)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    physical: dict[str, object] = {"artifactLocation": {"uri": uri}}
    if finding.line is not None:
        region = {"startLine": finding.line, "startColumn": finding.column or 1}
        physical["region"] = region
    return {"physicalLocation": physical}
