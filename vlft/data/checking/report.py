"""The result of a check."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

    from vlft.data.checking.findings import Sink


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
