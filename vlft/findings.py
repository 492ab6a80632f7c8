"""A finding: one thing that is wrong, where it stands, and what to write instead."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say about a config.

    Attributes:
        rule: Stable id, `subject.what`.
        severity: error stops a run; warning is worth a look; info is advice.
        message: What is wrong, with the value.
        path: Dotted key, `train.learning_rate`; `--set train.learning_rate` from an override.
        file: File as the user named it; None for an override.
        line: From 1; None where there is no place in a file.
        column: From 1.
        hint: What to write instead.
    """

    rule: str
    severity: Severity
    message: str
    path: str = ""
    file: str | None = None
    line: int | None = None
    column: int | None = None
    hint: str | None = None


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether any finding is an error."""
    return any(finding.severity == "error" for finding in findings)


def to_json(finding: Finding) -> dict[str, Any]:
    """The finding as the documented JSON object."""
    return asdict(finding)


def to_text(
    findings: Iterable[Finding], documents: Mapping[str, str], *, color: bool = False
) -> str:
    """Findings for people: place, message, the line with a caret, what to write instead.

    Args:
        findings: In the order to print.
        documents: File name → its text, for the lines.
        color: Whether to use terminal colours.
    """
    blocks = []
    for finding in findings:
        place = _place(finding)
        head = f"{place}{_painted(finding.severity, color)}: {finding.message} [{finding.rule}]"
        lines = [head, *_excerpt(finding, documents)]
        if finding.hint:
            lines.append(f"    → {finding.hint}")
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def _place(finding: Finding) -> str:
    if finding.file is None:
        return f"{finding.path}: " if finding.path else ""
    if finding.line is None:
        return f"{finding.file}: "
    return f"{finding.file}:{finding.line}:{finding.column}: "


def _excerpt(finding: Finding, documents: Mapping[str, str]) -> list[str]:
    """The line of the file and a caret under the column."""
    if finding.file is None or finding.line is None or finding.column is None:
        return []
    lines = documents.get(finding.file, "").splitlines()
    if finding.line > len(lines):
        return []
    line = lines[finding.line - 1]
    if len(line) > _LONGEST_LINE or not line.isprintable():
        return []
    gutter = f"{finding.line:>5} | "
    return [f"{gutter}{line}", " " * (len(gutter) + finding.column - 1) + "^"]


_LONGEST_LINE = 160
_COLORS = {"error": "31", "warning": "33", "info": "36"}


def _painted(severity: Severity, color: bool) -> str:
    return f"\x1b[1;{_COLORS[severity]}m{severity}\x1b[0m" if color else severity
