"""Rows of a file, one after the other, with their exact bytes where it is JSON."""

from __future__ import annotations

import base64
import gzip
import json
import mmap
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec

from vlft.data.convert.draft import RejectError
from vlft.data.reading.chunks import BOM, is_gzip
from vlft.data.reading.lines import BrokenLineError
from vlft.data.reading.tables import NoPyarrowError, csv_rows, parquet_rows
from vlft.errors import UsageError
from vlft.text import kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class RawRow:
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


_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}]|,', re.DOTALL)
_SPACE = b" \t\r\n"
_LOOKED_AT = 4096
_WINDOW = 64 << 20


@contextmanager
def open_rows(
    path: Path, keep: Callable[[bytes], str | None] | None = None
) -> Iterator[Iterator[RawRow]]:
    """The rows of a file that need not fit into memory.

    Args:
        path: The file.
        keep: For pictures that stand in it; see `table_rows`.

    Raises:
        UsageError: If the file is of a kind that is not read, or damaged.
        OSError: If it can't be read.
    """
    if path.suffix in {".csv", ".parquet"}:
        with path.open("rb") as stream:
            yield table_rows(path, stream, keep)
        return
    if path.suffix == ".tsv":
        raise UsageError(f"{path} is no JSON", "write it as .csv, with commas")
    with path.open("rb") as file:
        if is_gzip(path):
            with gzip.open(path, "rb") as unpacked:
                if _is_array(unpacked.read(_LOOKED_AT)):
                    raise UsageError(f"{path} is a packed JSON array", f"unpack it: gunzip {path}")
                unpacked.seek(0)
                yield _lines(unpacked)
            return
        if not _is_array(file.read(_LOOKED_AT)):
            file.seek(0)
            yield _lines(file)
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield _elements(mapped)


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


def _is_array(start: bytes) -> bool:
    return start.removeprefix(BOM).lstrip().startswith(b"[")


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
