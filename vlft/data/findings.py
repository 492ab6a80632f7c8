"""What becomes of a row, the rules that say so, and what was found, in the form of the report."""

from __future__ import annotations

import json
from typing import IO, TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from typing_extensions import Self

    from vlft.data.settings import CheckSettings
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

    def lost(self, message: str, hint: str | None = None, key: str = "") -> RowLostError:
        """The same, to be raised: ms-swift can't go on with the row."""
        return RowLostError(self.found(message, hint, key))


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


def worst(problems: Iterable[RowProblem]) -> Fate:
    """What becomes of a row with these problems."""
    fates = {problem.rule.fate for problem in problems}
    return next((fate for fate in WORST_FIRST if fate in fates), "ok")


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


KEPT = 5_000
"""Findings in memory; more go into a temporary file."""


class Sink:
    """All findings of a check, in bounded memory.

    Args:
        settings: Of the run, which may change the fate of a row.
        ignore: Rules that are not to be heard.
    """

    def __init__(self, settings: CheckSettings, ignore: Collection[str] = ()) -> None:
        self._settings = settings
        self._ignore = frozenset(ignore)
        self._recent: list[RowFinding] = []
        self._spool: IO[str] | None = None
        self.counts: dict[str, int] = {}
        self.severities: dict[str, int] = {"error": 0, "warning": 0, "info": 0}

    def add(
        self,
        problem: RowProblem,
        file: str,
        row: int | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        """Takes in a problem and its place.

        Args:
            problem: The problem.
            file: As the user named it.
            row: Of the row, if it is one's.
            line: Of the row.
            column: In the line.
        """
        rule, message, hint, key = problem.rule, problem.message, problem.hint, problem.key
        if rule.id in self._ignore:
            return
        fate = self._fate(rule)
        if self._settings.strict and fate != rule.fate:
            message += " (strict: true ends the run here)"
        self.counts[rule.id] = self.counts.get(rule.id, 0) + 1
        self.severities[rule.severity] += 1
        found = RowFinding(
            rule.id, rule.severity, file, line, column, key, message, hint, row, fate
        )
        self._recent.append(found)
        if len(self._recent) >= KEPT:
            self._write()

    def _fate(self, rule: RowRule) -> Fate:
        """What the fate of a rule becomes under the run's settings.

        Rules have it with `strict` off, and rows encoded while training. With `strict`, the first
        row that is lost ends the run, at load or at its turn; rows that are encoded before the
        training, and fail, are dropped.
        """
        if self._settings.strict and rule.fate in {"dropped", "replaced"}:
            return "load_fails"
        return "dropped" if rule.fate == "replaced" and not self._settings.lazy else rule.fate

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


class TokenCounts(msgspec.Struct):
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


class DataReport(msgspec.Struct):
    """What was found in files.

    Attributes:
        findings: All of them; iterable more than once.
        files: As they were named.
        rows: Of all files together.
        tokens: Of the rows that can be trained on; None where no model is known.
    """

    findings: Sink
    files: list[str]
    rows: int
    tokens: TokenCounts | None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Gives the temporary file back."""
        self.findings.close()
