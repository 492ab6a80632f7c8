"""What becomes of a row, and the rules that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vlft.findings import Severity

Fate = Literal["ok", "dropped", "replaced", "silently_wrong", "load_fails", "unknown"]
"""`dropped` at load; `replaced` by another row in training; `silently_wrong` is trained on,
but not what it says; `load_fails`: the whole file can't be loaded."""

WORST_FIRST: tuple[Fate, ...] = (
    "load_fails",
    "dropped",
    "replaced",
    "silently_wrong",
    "unknown",
    "ok",
)
"""A row with several problems has the first of their fates: what comes first hides the rest."""


class RowRule(msgspec.Struct, frozen=True):
    """One thing that can be wrong with a row or a file of rows.

    Attributes:
        id: `row.what` for a row, `file.what` for a whole file.
        severity: error where the row is lost or wrong.
        fate: What ms-swift does with the row.
        sentence: What must hold.
        source: Where in ms-swift (or another library) it comes from.
    """

    id: str
    severity: Severity
    fate: Fate
    sentence: str
    source: str

    def found(self, message: str, hint: str | None = None, key: str = "") -> RowProblem:
        """A breach of this rule; the arguments are the fields of `RowProblem`."""
        return RowProblem(self, message, hint, key)


class RowProblem(msgspec.Struct, frozen=True):
    """What a rule found in a row.

    Attributes:
        rule: The rule.
        message: What is wrong, with the value.
        hint: What to write instead.
        key: Dotted key within the row, `messages.1.content`; empty for the row itself.
    """

    rule: RowRule
    message: str
    hint: str | None = None
    key: str = ""


class RowLostError(Exception):
    """ms-swift can't go on with a row; `problem` says why."""

    def __init__(self, problem: RowProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def fate_under(fate: Fate, *, strict: bool, lazy: bool) -> Fate:
    """What a fate becomes under a run's settings.

    Args:
        fate: As rules have it: with `strict` off, and rows encoded while training.
        strict: Whether the first row that is lost ends the run, at load or at its turn.
        lazy: Whether rows are encoded while training; those that fail before are dropped.
    """
    if strict and fate in {"dropped", "replaced"}:
        return "load_fails"
    return "dropped" if fate == "replaced" and not lazy else fate


def worst(problems: Iterable[RowProblem]) -> Fate:
    """What becomes of a row with these problems."""
    fates = {problem.rule.fate for problem in problems}
    return next((fate for fate in WORST_FIRST if fate in fates), "ok")
