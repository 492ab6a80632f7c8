"""Findings as GitHub's workflow commands: they show beside the line in a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.output.console import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

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
