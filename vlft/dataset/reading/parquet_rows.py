"""Rows of a Parquet file, by way of pyarrow."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import xxhash

from vlft.dataset.reading import problems
from vlft.dataset.reading.lines import BrokenLineError, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_ROWS = 1024
_ROWS_WITH_BYTES = 16
"""Rows at a time where they may hold pictures."""


class NoPyarrowError(Exception):
    """pyarrow is not installed."""


def parquet_schema(path: Path) -> tuple[list[str], Mapping[bytes, bytes] | None]:
    """Names of the columns, and what the writer said of them.

    Raises:
        NoPyarrowError: If pyarrow is not installed.
        BrokenLineError: If the file is no Parquet file.
    """
    schema = _open(path).schema_arrow
    return list(schema.names), schema.metadata


def parquet_rows(path: Path) -> Iterator[Row]:
    """The rows, with the values that Python gets of them.

    Raises:
        NoPyarrowError: If pyarrow is not installed.
        BrokenLineError: If the file is damaged.
    """
    number = 0
    try:
        file = _open(path)
        rows = _ROWS_WITH_BYTES if "binary" in str(file.schema_arrow.types) else _ROWS
        for batch in file.iter_batches(batch_size=rows):
            for value in batch.to_pylist():
                number += 1
                yield Row(number, number, value, repr(_short(value)).encode())
    except (OSError, ValueError) as error:
        raise _broken(error, number + 1) from None


def _short(value: Any) -> Any:
    """A value with hashes in place of pictures."""
    if isinstance(value, bytes):
        return xxhash.xxh3_128_digest(value)
    if isinstance(value, list):
        return list(map(_short, value))
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return value


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
