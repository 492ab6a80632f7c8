"""Rows of CSV and Parquet files as if each stood on a line of JSON."""

from __future__ import annotations

import base64
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from vlft.dataset.convert.rawrow import RawRow
from vlft.dataset.reading.csv_rows import csv_rows
from vlft.dataset.reading.lines import BrokenLineError
from vlft.dataset.reading.parquet_rows import NoPyarrowError, parquet_rows
from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_COLUMNS: Final = frozenset(
    {"images", "image", "rejected_images", "messages", "conversations", "conversation"}
)


def table_rows(
    path: Path, stream: IO[bytes], keep: Callable[[bytes], str | None] | None = None
) -> Iterator[RawRow]:
    """The rows of a table, with the values that ms-swift gets.

    Args:
        path: Ends in .csv or .parquet.
        stream: The same file, open.
        keep: From a picture's bytes to what names it; without it, and of what is no picture,
            bytes come out as base64.

    Raises:
        UsageError: If it is damaged, or takes pyarrow to read and there is none.
    """
    encode = msgspec.json.Encoder(enc_hook=str).encode
    whole = path.stat().st_size
    rows = csv_rows(stream) if path.suffix == ".csv" else parquet_rows(path)
    try:
        for row in rows:
            # How far a Parquet file was read is not known.
            end = stream.tell() if path.suffix == ".csv" else min(whole, row.number)
            pictures = _Pictures(keep)
            value = {
                name: pictures.named(item) if name.lower() in _COLUMNS else item
                for name, item in (row.value or {}).items()
            }
            broken = "the bytes of a picture are no picture" if pictures.broken else ""
            yield RawRow(row.number, row.line, encode(value), end, pictures.count > 0, broken)
    except NoPyarrowError:
        raise UsageError(f"{path} takes pyarrow to read", "pip install 'vlft[data]'") from None
    except BrokenLineError as error:
        hint = error.problem.hint
        raise UsageError(f"{path} line {error.line}: {error.problem.message}", hint) from None


class _Pictures:
    """Puts names in place of pictures."""

    def __init__(self, keep: Callable[[bytes], str | None] | None) -> None:
        self._keep = keep
        self.count = 0
        self.broken = False

    def named(self, value: Any) -> Any:
        """The value, with a text for each picture that stands in it."""
        if isinstance(value, bytes):
            name = None if self._keep is None else self._keep(value)
            self.count += name is not None
            self.broken |= name is None and self._keep is not None
            return base64.b64encode(value).decode() if name is None else name
        if isinstance(value, list):
            return [self.named(item) for item in value]
        if isinstance(value, dict):
            if isinstance(value.get("bytes"), bytes) and value["bytes"]:
                return self.named(value["bytes"])
            return {key: self.named(item) for key, item in value.items()}
        return value
