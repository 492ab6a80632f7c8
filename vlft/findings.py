"""A finding: one thing that is wrong, where it stands, and what to write instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import force_setattr

from vlft.security.secrets import mask
from vlft.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Severity = Literal["error", "warning", "info"]
Scan = Literal["none", "quick", "full"]
"""How much of the data is read: nothing; a few rows of each file; all of it."""


class Finding(Struct, frozen=True):
    """One thing to say about a config; as plain data, the documented JSON object.

    Its texts hold no secret that can be told by its form.

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

    def __post_init__(self) -> None:
        force_setattr(self, "message", mask(self.message))
        if self.hint is not None:
            force_setattr(self, "hint", mask(self.hint))


def counted_by_severity(counts: Mapping[str, int]) -> str:
    """`2 errors, 1 warning`; empty for none."""
    words = {"error": "error", "warning": "warning", "info": "note"}
    return ", ".join(counted(counts[one], word) for one, word in words.items() if counts.get(one))


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether any finding is an error."""
    return any(finding.severity == "error" for finding in findings)


def by_place(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sorted by file and place; what has no place comes last."""
    return tuple(
        sorted(
            findings,
            key=lambda finding: (
                finding.file is None,
                finding.file or "",
                finding.line or 0,
                finding.column or 0,
                finding.rule,
            ),
        )
    )
