"""Findings as SARIF 2.1.0, which code scanning services and editors read.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from vlft.output.console import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from vlft.findings import Finding

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
    text = finding.message
    if finding.file is None and finding.path:
        text = f"{finding.path}: {text}"
    if finding.hint:
        text += f"\n→ {finding.hint}"
    return f"::{_COMMANDS[finding.severity]} {named}::{_data(text)}"


def _data(text: str) -> str:
    lines = re.split(r"(\r|\n)", text.replace("%", "%25"))
    return "".join(_BREAKS.get(line) or shown(line) for line in lines)


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}


def to_sarif(
    findings: Sequence[Finding], sentences: Mapping[str, str], version: str
) -> dict[str, Any]:
    """The log of one run.

    Args:
        findings: In the order to print.
        sentences: Rule → what must hold, for all rules that occur.
        version: Of vlft.
    """
    rules = sorted({finding.rule for finding in findings})
    numbers = {rule: number for number, rule in enumerate(rules)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "vlft",
                        "version": version,
                        "rules": [
                            {
                                "id": rule,
                                "shortDescription": {"text": sentences[rule]},
                                "help": {"text": f"vlft explain {rule}"},
                            }
                            for rule in rules
                        ],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, numbers[finding.rule]) for finding in findings],
            }
        ],
    }


def _result(finding: Finding, number: int) -> dict[str, Any]:
    text = finding.message
    if finding.file is None and finding.path:
        text = f"{finding.path}: {text}"
    if finding.hint:
        text += f"\n→ {finding.hint}"
    return {
        "ruleId": finding.rule,
        "ruleIndex": number,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [] if finding.file is None else [_location(finding, finding.file)],
    }


def _location(finding: Finding, file: str) -> dict[str, Any]:
    path = PurePath(file)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if finding.line is not None:
        region = {"startLine": finding.line, "startColumn": finding.column or 1}
        physical["region"] = region
    return {"physicalLocation": physical}
