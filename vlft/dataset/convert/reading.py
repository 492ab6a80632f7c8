"""Rows of a file, one after the other, with their exact bytes where it is JSON."""

from __future__ import annotations

import gzip
import json
import mmap
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from vlft.dataset.convert.draft import RejectError, kind_of
from vlft.dataset.convert.rawrow import RawRow
from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

_BOM = b"\xef\xbb\xbf"
_GZIP = b"\x1f\x8b"
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
        from vlft.dataset.convert.tables import table_rows  # noqa: PLC0415 - few need it

        with path.open("rb") as stream:
            yield table_rows(path, stream, keep)
        return
    if path.suffix == ".tsv":
        raise UsageError(f"{path} is no JSON", "write it as .csv, with commas")
    with path.open("rb") as file:
        if file.read(2) == _GZIP:
            with gzip.open(path, "rb") as unpacked:
                if _is_array(unpacked.read(_LOOKED_AT)):
                    raise UsageError(f"{path} is a packed JSON array", f"unpack it: gunzip {path}")
                unpacked.seek(0)
                yield _lines(unpacked)
            return
        file.seek(0)
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
        raise RejectError(f"it is {kind_of(value)}, not an object")
    return value


def _is_array(start: bytes) -> bool:
    return start.removeprefix(_BOM).lstrip().startswith(b"[")


def _lines(stream: Iterable[bytes]) -> Iterator[RawRow]:
    number = end = 0
    for line, text in enumerate(stream, start=1):
        end += len(text)
        raw = (text.removeprefix(_BOM) if line == 1 else text).strip(_SPACE)
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
