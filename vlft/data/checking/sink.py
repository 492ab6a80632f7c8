"""Where findings go: counted, a few kept for the screen, all of them in a file."""

from __future__ import annotations

import json
import tempfile
from typing import IO, TYPE_CHECKING

from vlft.data.checking.findings import RowFinding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

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
            # Without a name: gone with the process, however it ends.
            self._spool = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115
        for found in self._recent:
            fields = [getattr(found, name) for name in RowFinding.__slots__]
            self._spool.write(json.dumps(fields) + "\n")
        self._recent.clear()

    def close(self) -> None:
        """Gives the temporary file back."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None
