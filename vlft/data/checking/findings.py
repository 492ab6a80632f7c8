"""What was found in a row of a file, in the form of the report."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Any

import msgspec

from vlft.data.outcomes import fate_under

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from typing_extensions import Self

    from vlft.data.checking.tally import TokenCounts
    from vlft.data.outcomes import Fate, RowProblem
    from vlft.data.settings import CheckSettings
    from vlft.findings import Severity


class RowFinding(msgspec.Struct, frozen=True):
    """One thing to say about a row or a file; the first eight fields are a finding's.

    Attributes:
        rule: Its id.
        severity: error where the row is lost or wrong.
        file: As the user named it.
        line: From 1; None for a whole file.
        column: From 1; None where there is none.
        path: Dotted key within the row.
        message: What is wrong, with the value.
        hint: What to write instead.
        row: From 1; None for a whole file.
        fate: What becomes of the row by this alone.
    """

    rule: str
    severity: Severity
    file: str
    line: int | None
    column: int | None
    path: str
    message: str
    hint: str | None
    row: int | None
    fate: Fate

    def to_json(self) -> dict[str, Any]:
        """The finding as the documented JSON object."""
        return msgspec.structs.asdict(self)


def finding(
    problem: RowProblem,
    file: str,
    row: int | None = None,
    line: int | None = None,
    column: int | None = None,
    settings: CheckSettings | None = None,
) -> RowFinding:
    """A problem with its place.

    Args:
        problem: The problem.
        file: As the user named it.
        row: Of the row, if it is one's.
        line: Of the row.
        column: In the line.
        settings: Of the run, which may change the fate of a row.
    """
    rule, message = problem.rule, problem.message
    fate = rule.fate
    if settings is not None:
        fate = fate_under(fate, strict=settings.strict, lazy=settings.lazy)
        if settings.strict and fate != rule.fate:
            message += " (strict: true ends the run here)"
    return RowFinding(
        rule.id,
        rule.severity,
        file,
        line,
        column,
        problem.key,
        message,
        problem.hint,
        row,
        fate,
    )


KEPT = 5_000
"""Findings in memory; more go into a temporary file."""


class Sink:
    """All findings of a check, in bounded memory.

    Args:
        ignore: Rules that are not to be heard.
    """

    def __init__(self, ignore: Collection[str] = ()) -> None:
        self._ignore = frozenset(ignore)
        self._recent: list[RowFinding] = []
        self._spool: IO[str] | None = None
        self.counts: dict[str, int] = {}
        self.severities: dict[str, int] = {"error": 0, "warning": 0, "info": 0}

    def add(self, found: RowFinding) -> None:
        """Takes one finding in."""
        if found.rule in self._ignore:
            return
        self.counts[found.rule] = self.counts.get(found.rule, 0) + 1
        self.severities[found.severity] += 1
        self._recent.append(found)
        if len(self._recent) >= KEPT:
            self._write()

    def extend(self, found: Iterable[RowFinding]) -> None:
        """Takes several findings in."""
        for one in found:
            self.add(one)

    def __len__(self) -> int:
        return sum(self.counts.values())

    def __iter__(self) -> Iterator[RowFinding]:
        """All findings in the order in which they came."""
        if self._spool is not None:
            self._spool.flush()
            self._spool.seek(0)
            for line in self._spool:
                yield RowFinding(*json.loads(line))
            self._spool.seek(0, 2)
        yield from self._recent

    def _write(self) -> None:
        if self._spool is None:
            import tempfile  # noqa: PLC0415 - for few files

            # Without a name: gone with the process, however it ends.
            self._spool = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        for found in self._recent:
            self._spool.write(json.dumps(msgspec.structs.astuple(found)) + "\n")
        self._recent.clear()

    def close(self) -> None:
        """Gives the temporary file back."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None


class DataReport(msgspec.Struct):
    """What was found in files.

    Attributes:
        findings: All of them; iterable more than once.
        files: As they were named.
        rows: Of all files together.
        tokens: Of the rows that can be trained on; None where no model is known.
    """

    findings: Sink
    files: list[str] = msgspec.field(default_factory=list)
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
