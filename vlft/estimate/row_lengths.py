"""Lengths of the rows that a config trains on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlft.estimate.memory.from_config import RowSize

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vlft.resolve.run import RunSpec


MAX_SCANNED_BYTES = 16 * 1024 * 1024
"""Of all training files together that are read without having been asked to."""


@dataclass(frozen=True, slots=True)
class RowLengths:
    """Tokens of the rows, placeholders of pictures included.

    Attributes:
        rows: Rows that were measured.
        p50: Half of the rows have no more.
        p95: 95 % of the rows have no more.
        max: The longest row.
        most_vision: Most placeholders of a row.
        over_max_length: Rows that do not fit; None without a limit.
        exact: Whether a tokenizer counted them; else these are upper bounds.
    """

    rows: int
    p50: int
    p95: int
    max: int
    most_vision: int
    over_max_length: int | None
    exact: bool

    def largest(self, max_length: int | None) -> RowSize:
        """The largest row that is trained on: longer ones are left out."""
        tokens = self.max if max_length is None else min(self.max, max_length)
        return RowSize(tokens, min(self.most_vision, tokens), measured=True)


def scannable_bytes(run: RunSpec) -> int:
    """Size of the training files on this machine."""
    return sum(path.stat().st_size for path in _files(run))


def measure_rows(run: RunSpec, advance: Callable[[int], None]) -> RowLengths | None:
    """Reads the training files.

    Args:
        run: The run.
        advance: Called with the number of bytes read.

    Returns:
        None if there is no file, or none of its rows can be measured.

    Raises:
        VlftError: If a limit on pixels is not a number.
        OSError: If a file can't be read.
    """
    from vlft.data.from_config import stats_of_run  # noqa: PLC0415 - only where data is read
    from vlft.data.statistics.statistics import collect  # noqa: PLC0415

    files = _files(run)
    settings = stats_of_run(run) if files else None
    return None if settings is None else _lengths(collect(files, settings, advance))


def _lengths(stats: Any) -> RowLengths | None:
    found = stats.to_json()["tokens"]
    total, vision = found["total"], found["vision"]
    if not total:
        return None
    return RowLengths(
        rows=found["rows"],
        p50=total["p50"],
        p95=total["p95"],
        max=total["max"],
        most_vision=vision["max"] if vision else 0,
        over_max_length=found["over_max_length"],
        exact=found["exact"],
    )


def _files(run: RunSpec) -> list[Path]:
    paths = [entry.path for entry in run.facts.train if entry.path is not None]
    return [path for path in paths if os.path.isfile(path)]  # noqa: PTH113  too long a name
