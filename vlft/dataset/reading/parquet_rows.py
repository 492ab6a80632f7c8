"""Rows of a Parquet file, by way of pyarrow."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vlft.dataset.reading import problems
from vlft.dataset.reading.lines import BrokenLineError, Row

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROWS = 1024


class NoPyarrowError(Exception):
    """pyarrow is not installed."""


def parquet_columns(path: Path) -> list[str]:
    """Names of the columns.

    Raises:
        NoPyarrowError: If pyarrow is not installed.
        BrokenLineError: If the file is no Parquet file.
    """
    return list(_open(path).schema_arrow.names)


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows, with the values that Python gets of them.

    Raises:
        NoPyarrowError: If pyarrow is not installed.
        BrokenLineError: If the file is damaged.
    """
    number = 0
    try:
        for batch in _open(path).iter_batches(batch_size=_ROWS):
            for value in batch.to_pylist():
                number += 1
                yield Row(number, number, value, repr(value).encode())
    except (OSError, ValueError) as error:
        raise _broken(error, number + 1) from None


def _open(path: Path) -> Any:
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")  # heavy, and an extra
    except ImportError:
        raise NoPyarrowError from None
    try:
        return parquet.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise _broken(error, 1) from None


def _broken(error: Exception, row: int) -> BrokenLineError:
    said = str(error).split(". ")[0].strip()
    problem = problems.NOT_JSON.found(f"the file is not Parquet: {said}", "write it again")
    return BrokenLineError(problem, row, row, 1)
