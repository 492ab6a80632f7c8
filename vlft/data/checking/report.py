"""Rows with and without pictures in one training set, where ZeRO-3 shares the model out.

A rank whose batch has no picture skips the vision tower, and the others wait for its part of
the weights: the run hangs. ms-swift's templates for Qwen-VL and InternVL send a blank picture
through the tower in that case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vlft.data import rules

if TYPE_CHECKING:
    from typing_extensions import Self

    from vlft.data.checking.findings import Sink
    from vlft.data.outcomes import RowProblem
    from vlft.data.settings import CheckSettings


def mixture(settings: CheckSettings, pictured: int, rows: int) -> RowProblem | None:
    """What to say of a training set; None where it is of one kind, or ZeRO-3 is off.

    Args:
        settings: Of the run.
        pictured: Rows with pictures or videos.
        rows: All rows that are trained on.
    """
    if not settings.zero3 or not 0 < pictured < rows:
        return None
    message = f"rows with pictures ({pictured}) and without ({rows - pictured}) under ZeRO-3"
    if settings.family is not None:
        title = settings.family.title
        return rules.BLANK.found(f"{message}: {title} batches without any cost a blank one", None)
    hint = "write deepspeed: zero2, or train on rows of one kind at a time"
    return rules.MIXED.found(f"{message}: ranks may wait for each other for ever", hint)


@dataclass(slots=True)
class TokenCounts:
    """Tokens of rows.

    Attributes:
        p50: Half of the rows have no more.
        p95: 95 % of the rows have no more.
        max: The longest row.
        over_max_length: Rows that do not fit.
        exact: Whether a tokenizer counted all of them; else these are upper bounds.
    """

    p50: int
    p95: int
    max: int
    over_max_length: int
    exact: bool


@dataclass(slots=True)
class DataReport:
    """What was found in files.

    Attributes:
        findings: All of them; iterable more than once.
        files: As they were named.
        rows: Of all files together.
        tokens: Of the rows that can be trained on; None where no model is known.
    """

    findings: Sink
    files: list[str] = field(default_factory=list)
    rows: int = 0
    tokens: TokenCounts | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Gives the temporary file back."""
        self.findings.close()

    @property
    def errors(self) -> int:
        """Findings of severity error."""
        return self.findings.severities["error"]

    @property
    def warnings(self) -> int:
        """Findings of severity warning."""
        return self.findings.severities["warning"]
