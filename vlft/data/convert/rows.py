"""Rows of a file, one after the other, with their exact bytes where it is JSON."""

from __future__ import annotations

import base64
import gzip
import json
import mmap
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from vlft.data.convert.draft import RejectError
from vlft.data.reading.chunks import BOM, is_gzip
from vlft.data.reading.lines import BrokenLineError
from vlft.data.reading.tables import NoPyarrowError, csv_rows, parquet_rows
from vlft.errors import UsageError
from vlft.text import kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Keep = Callable[[bytes], str | None]


class RawRow(Struct, frozen=True):
    """A row as it stands in a file.

    Attributes:
        number: From 1.
        line: From 1; in an array, the line where the row begins.
        raw: Its bytes, without white space around.
        end: Offset in the file behind it, in bytes.
        pictures: Whether pictures that stood in it were written to files.
        broken: Why one of them could not be; empty if all could.
    """

    number: int
    line: int
    raw: bytes
    end: int
    pictures: bool = False
    broken: str = ""


_COLUMNS: Final = frozenset(
    {"images", "image", "rejected_images", "messages", "conversations", "conversation"}
)
"""Those that pictures may stand in."""


def _table_rows(path: Path, keep: Keep | None) -> Iterator[RawRow]:
    """The rows of a table, with the values that ms-swift gets.

    Raises:
        UsageError: If it is damaged, or takes pyarrow to read and there is none.
    """
    encode = msgspec.json.Encoder(enc_hook=str).encode
    whole, is_csv = path.stat().st_size, path.suffix == ".csv"
    try:
        with path.open("rb") as stream:
            for row in csv_rows(stream) if is_csv else parquet_rows(path):
                # How far a Parquet file was read is not known.
                end = stream.tell() if is_csv else min(whole, row.number)
                names: list[str | None] = []
                value = {
                    name: _named(item, keep, names) if name.lower() in _COLUMNS else item
                    for name, item in (row.value or {}).items()
                }
                broken = "the bytes of a picture are no picture" if None in names else ""
                yield RawRow(row.number, row.line, encode(value), end, any(names), broken)
    except NoPyarrowError:
        raise UsageError(f"{path} takes pyarrow to read", "pip install 'vlft[data]'") from None
    except BrokenLineError as error:
        hint = error.problem.hint
        raise UsageError(f"{path} line {error.line}: {error.problem.message}", hint) from None


def _named(value: Any, keep: Keep | None, names: list[str | None]) -> Any:
    """A value with a text for each picture that stands in it.

    Args:
        value: Of a column.
        keep: See `read_rows`.
        names: What names each picture is added; None for one that is none.
    """
    if isinstance(value, bytes):
        name = None
        if keep is not None:
            name = keep(value)
            names.append(name)
        return base64.b64encode(value).decode() if name is None else name
    if isinstance(value, list):
        return [_named(item, keep, names) for item in value]
    if isinstance(value, dict):
        if isinstance(value.get("bytes"), bytes) and value["bytes"]:
            return _named(value["bytes"], keep, names)
        return {key: _named(item, keep, names) for key, item in value.items()}
    return value


_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|,', re.DOTALL)
_SPACE = b" \t\r\n"
_LOOKED_AT = 4096
_WINDOW = 64 << 20


def read_rows(path: Path, keep: Keep | None = None) -> Iterator[RawRow]:
    """The rows of a file that need not fit into memory.

    Args:
        path: The file.
        keep: For pictures that stand in it: from one's bytes to what names it. Without it, and of
            what is no picture, bytes come out as base64.

    Raises:
        UsageError: If the file is of a kind that is not read, or damaged.
        OSError: If it can't be read.
    """
    if path.suffix in {".csv", ".parquet"}:
        yield from _table_rows(path, keep)
        return
    if path.suffix == ".tsv":
        raise UsageError(f"{path} is no JSON", "write it as .csv, with commas")
    packed = is_gzip(path)
    with gzip.open(path, "rb") if packed else path.open("rb") as stream:
        array = stream.read(_LOOKED_AT).removeprefix(BOM).lstrip().startswith(b"[")
        if array and packed:
            raise UsageError(f"{path} is a packed JSON array", f"unpack it: gunzip {path}")
        if array:
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                yield from _elements(mapped)
            return
        stream.seek(0)
        yield from _lines(stream)


def parse(raw: bytes) -> dict[str, Any]:
    """The object of a row.

    Raises:
        RejectError: If it is none, or not what it seems: a key that is there twice loses a value.
    """
    try:
        value = msgspec.json.decode(raw)
        doubt = raw.count(b'":') != _keys(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value, doubt = None, True
    if doubt:
        try:
            value = json.loads(raw.decode(), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise RejectError(f"it is not JSON: {_said(error)}") from None
    if not isinstance(value, dict):
        raise RejectError(f"it is {kind(value)}, not an object")
    return value


def _lines(stream: Iterable[bytes]) -> Iterator[RawRow]:
    number = end = 0
    for line, text in enumerate(stream, start=1):
        end += len(text)
        raw = (text.removeprefix(BOM) if line == 1 else text).strip(_SPACE)
        if raw:
            number += 1
            yield RawRow(number, line, raw, end)


def _elements(data: mmap.mmap) -> Iterator[RawRow]:
    """Elements of an array: brackets are counted, texts are skipped."""
    number, line, counted, released = 0, 1, 0, 0
    at = data.find(b"[")
    depth, start = 0, at + 1
    for match in _TOKENS.finditer(data, at):
        token = match[0]
        if token in b"[{":
            depth += 1
        elif token in b"]}":
            depth -= 1
        if depth == 0 or (depth == 1 and token == b","):
            raw = data[start : match.start()].strip(_SPACE)
            if raw:
                number += 1
                first = data.find(raw[:1], start)
                line += data[counted:first].count(b"\n")
                counted = first
                yield RawRow(number, line, raw, match.end())
            start = match.end()
            if depth == 0:
                break
            if start - released > _WINDOW:  # what was read need not stay in memory
                data.madvise(mmap.MADV_DONTNEED, 0, start // mmap.PAGESIZE * mmap.PAGESIZE)
                released = start
    rest = data[start:].strip(_SPACE)
    if rest:  # the array does not end, or does not end the file
        yield RawRow(number + 1, line + data[counted:start].count(b"\n"), rest, len(data))


def _keys(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_keys, value.values()))
    return sum(map(_keys, value)) if isinstance(value, list) else 0


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice} is there twice")
    return made


def _said(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is not UTF-8"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, json.JSONDecodeError):
        text = error.msg[0].lower() + error.msg[1:]
        return f"{text} (character {error.pos + 1})"
    return str(error)
