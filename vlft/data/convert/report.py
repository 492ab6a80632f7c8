"""What a conversion did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field, to_builtins

from vlft.output.console import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vlft.data.convert.draft import Change

_SHOWN = 5
_MAX_REASONS = 100


class Occurrences(Struct):
    """How often something happened, and in which rows first."""

    count: int = 0
    first_rows: list[int] = field(default_factory=list)

    def add(self, row: int) -> None:
        """Counts a row."""
        self.count += 1
        if len(self.first_rows) < _SHOWN:
            self.first_rows.append(row)


class Report(Struct):
    """Counts of one output file.

    Attributes:
        output: The file; None if no row could be converted, and none was written.
        rejected_file: Rows that could not be converted; None if there are none.
        rows: Read.
        written: To the output.
        changes: By what was done.
        rejected: By reason.
        left: By reason: rows that load, and were not mended because that would be guessing.
    """

    output: str | None
    rejected_file: str | None = None
    rows: int = 0
    written: int = 0
    changes: dict[Change, Occurrences] = field(default_factory=dict)
    rejected: dict[str, Occurrences] = field(default_factory=dict)
    left: dict[str, Occurrences] = field(default_factory=dict)

    def changed(self, row: int, changes: Iterable[Change]) -> None:
        """Counts what was done to a row."""
        for change in changes:
            self.changes.setdefault(change, Occurrences()).add(row)

    def refuse(self, row: int, reason: str) -> None:
        """Counts a row of the reject file."""
        _tally(self.rejected, reason).add(row)

    def leave(self, row: int, reason: str) -> None:
        """Counts a row that stays as it is."""
        _tally(self.left, reason).add(row)

    @property
    def refused(self) -> int:
        """Rows in the reject file."""
        return sum(tally.count for tally in self.rejected.values())

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        changes = {change.key: tally for change, tally in self.changes.items()}
        return {
            "output": self.output,
            "rejected_file": self.rejected_file,
            "rows": self.rows,
            "written": self.written,
            "rejected": self.refused,
            "changes": _plain(changes),
            "reasons": _plain(self.rejected),
            "left": _plain(self.left),
        }

    def to_text(self) -> str:
        """For people; a line each."""
        lines = [f"{self.written} of {self.rows} rows → {shown(self.output or 'no file')}"]
        lines += [
            f"{tally.count:>9}  {change.value} ({_rows(tally)})"
            for change, tally in sorted(self.changes.items(), key=lambda item: -item[1].count)
        ]
        for title, tallies in (("left as they are", self.left), ("not converted", self.rejected)):
            if tallies:
                count = sum(tally.count for tally in tallies.values())
                lines.append(f"{count} rows {title}:")
                lines += [
                    f"{tally.count:>9}  {shown(reason)} ({_rows(tally)})"
                    for reason, tally in sorted(tallies.items(), key=lambda item: -item[1].count)
                ]
        if self.rejected_file:
            lines.append(f"each with its reason → {shown(self.rejected_file)}")
        return "\n".join(lines)


def _tally(tallies: dict[str, Occurrences], reason: str) -> Occurrences:
    """The count of a reason; there may be as many reasons as rows."""
    if reason not in tallies and len(tallies) >= _MAX_REASONS:
        reason = "other reasons"
    return tallies.setdefault(reason, Occurrences())


def _plain(tallies: dict[str, Occurrences]) -> dict[str, Any]:
    return {name: to_builtins(tally) for name, tally in sorted(tallies.items())}


def _rows(tally: Occurrences) -> str:
    numbers = ", ".join(map(str, tally.first_rows))
    more = ", …" if tally.count > len(tally.first_rows) else ""
    return f"{'row' if tally.count == 1 else 'rows'} {numbers}{more}"
