"""Rows of CSV and Parquet files.

Columns of a CSV file have the types that pandas gives them. A Parquet file that `datasets` wrote
says which values are pictures. ms-swift asks for the bytes as they are only of a column that is
one picture (swift/dataset/preprocessor/core.py: _cast_pil_image); all others, in lists above all,
are opened, turned upright and saved again (datasets/features/image.py: decode_example,
image_to_bytes).
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import re
import sys
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

import xxhash

from vlft.data import rules
from vlft.data.findings import RowLostError
from vlft.data.media.headers import probe_bytes, probe_picture
from vlft.data.media.problems import MediaProblem
from vlft.data.reading.lines import BrokenLineError, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from vlft.data.rows.columns import Columns


PIECE = 10_000
"""Rows whose types are decided together (CsvConfig.chunksize)."""

_INTEGER = re.compile(r"\s*[+-]?\d{1,18}\s*")
_FLOAT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*|[+-]?inf|nan", re.IGNORECASE)
_TRUTHS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


def csv_rows(stream: IO[bytes]) -> Iterator[Row]:
    """The rows of a file with a line of names.

    Raises:
        BrokenLineError: Where the load of the file fails.
    """
    csv.field_size_limit(min(sys.maxsize, 1 << 31))
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="")  # closed by `stream`'s owner
    reader = csv.reader(text)
    number = 0
    try:
        names = next((row for row in reader if row), None)
        if names is None:
            return
        while piece := list(islice(((reader.line_num, row) for row in reader if row), PIECE)):
            for line, row in piece:
                number += 1
                if len(row) > len(names):
                    problem = rules.NOT_JSON.found(
                        f"the row has {len(row)} fields, and the first line {len(names)}",
                        "put fields with commas in double quotes",
                    )
                    raise BrokenLineError(problem, number, line, 1)
            number -= len(piece)
            padded = [row + [""] * (len(names) - len(row)) for _, row in piece]
            read = [_reader([row[at] for row in padded]) for at in range(len(names))]
            for (line, _), row in zip(piece, padded, strict=True):
                number += 1
                values: dict[str, Any] = {
                    name: convert(field)
                    for name, convert, field in zip(names, read, row, strict=True)
                }
                yield Row(number, line, values, "\x1f".join(row).encode())
    except UnicodeDecodeError as error:
        problem = rules.ENCODING.found(str(error.reason), "save the file as UTF-8")
        raise BrokenLineError(problem, number + 1, reader.line_num, 1) from None
    except csv.Error as error:
        problem = rules.NOT_JSON.found(f"the line is not CSV: {error}")
        raise BrokenLineError(problem, number + 1, reader.line_num, 1) from None
    finally:
        text.detach()


def _reader(fields: list[str]) -> Callable[[str], Any]:
    """How pandas reads a column of these fields, empty ones not being missing."""
    if all(_INTEGER.fullmatch(field) for field in fields):
        return int
    if all(_FLOAT.fullmatch(field) for field in fields):
        return float
    if all(field in _TRUTHS for field in fields):
        return _TRUTHS.__getitem__
    return str


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
    problem = rules.NOT_JSON.found(f"the file is not Parquet: {said}", "write it again")
    return BrokenLineError(problem, row, row, 1)


Place = tuple[str, ...]
"""Keys of a value, `[]` for the items of a list."""

_LISTS = frozenset({"List", "LargeList", "Sequence"})
_TAKEN_AS_BYTES = frozenset({"images", "rejected_images", "teacher_images"})


def picture_places(metadata: Mapping[bytes, bytes] | None, columns: Columns) -> list[Place]:
    """Where a file has pictures that are decoded.

    Args:
        metadata: Of its schema.
        columns: What becomes of its columns.
    """
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return []
    return [
        place
        for place in _images(features, ())
        if len(place) > 1 or columns.rename.get(place[0], place[0]) not in _TAKEN_AS_BYTES
    ]


def _images(feature: Any, place: Place) -> Iterator[Place]:
    if isinstance(feature, list):
        yield from _images(feature[0], (*place, "[]"))
    elif isinstance(feature, dict) and feature.get("_type") in _LISTS:
        yield from _images(feature.get("feature"), (*place, "[]"))
    elif isinstance(feature, dict) and feature.get("_type") == "Image":
        if feature.get("decode", True):
            yield place
    elif isinstance(feature, dict) and not isinstance(feature.get("_type"), str):
        for key, inner in feature.items():
            yield from _images(inner, (*place, key))


def decoded(row: Row, places: list[Place], cwd: str) -> Row:
    """The row with these pictures as ms-swift gets them.

    Args:
        row: Of the file.
        places: Of the pictures.
        cwd: Working directory of the trainer.

    Raises:
        BrokenLineError: If one can't be decoded: the load of the file ends there.
    """
    value = row.value
    try:
        for place in places:
            value = _at(value, place, cwd)
    except RowLostError as lost:
        raise BrokenLineError(lost.problem, row.number, row.line, 1) from None
    return row._replace(value=value)


def _undecodable(place: Place, said: str) -> RowLostError:
    hint = "take the row out, or write the pictures to files: vlft data convert does"
    return rules.UNDECODABLE.lost(f"{'.'.join(place)}: {said}", hint, place[0])


def _at(value: Any, place: Place, cwd: str, above: Place = ()) -> Any:
    if value is None:
        return None
    if not place:
        return _upright(value, above, cwd)
    key, rest = place[0], place[1:]
    if key == "[]":
        return [_at(item, rest, cwd, (*above, str(at))) for at, item in enumerate(value)]
    return {**value, key: _at(value.get(key), rest, cwd, (*above, key))}


def _upright(given: dict[str, Any], place: Place, cwd: str) -> dict[str, Any]:
    content, path = given.get("bytes"), given.get("path")
    if content is None and path is None:
        raise _undecodable(place, "a picture has neither bytes nor a path")
    if content is None and "://" in str(path):
        return given  # fetched from where it is; not looked at here
    where = os.path.join(cwd, str(path))  # noqa: PTH118 - an absolute path stays
    found = probe_picture(where) if content is None else probe_bytes(content, "the picture")
    if isinstance(found, MediaProblem):
        if found.kind == "unreadable":
            return given  # nothing here can judge it
        raise _undecodable(place, found.message)
    if found.orientation == 1:
        return given
    from vlft.data.media.pillow import turned  # noqa: PLC0415 - for few pictures

    return {"bytes": turned(where if content is None else content), "path": None}
