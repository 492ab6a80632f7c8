"""Rows of CSV and Parquet files as if each stood on a line of JSON."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import msgspec

from vlft.dataset.convert.rawrow import RawRow
from vlft.dataset.reading.csv_rows import csv_rows
from vlft.dataset.reading.lines import BrokenLineError
from vlft.dataset.reading.parquet_rows import NoPyarrowError, parquet_rows
from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def table_rows(path: Path, stream: IO[bytes]) -> Iterator[RawRow]:
    """The rows of a table, with the values that ms-swift gets; bytes come out as base64.

    Args:
        path: Ends in .csv or .parquet.
        stream: The same file, open.

    Raises:
        UsageError: If it is damaged, or takes pyarrow to read and there is none.
    """
    encode = msgspec.json.Encoder().encode
    whole = path.stat().st_size
    rows = csv_rows(stream) if path.suffix == ".csv" else parquet_rows(path)
    try:
        for row in rows:
            # How far a Parquet file was read is not known.
            end = stream.tell() if path.suffix == ".csv" else min(whole, row.number)
            yield RawRow(row.number, row.line, encode(row.value), end)
    except NoPyarrowError:
        raise UsageError(f"{path} takes pyarrow to read", "pip install 'vlft[data]'") from None
    except BrokenLineError as error:
        hint = error.problem.hint
        raise UsageError(f"{path} line {error.line}: {error.problem.message}", hint) from None
