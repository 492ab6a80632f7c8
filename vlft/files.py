"""Files that are either whole or not there, and JSON that others wrote.

Kept light: the supervisor of a run imports it too.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Writes a text atomically, as `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Writes a file atomically: a reader sees the old content or the new, never a part.

    Args:
        path: The file.
        content: All of it.
        durable: Whether it is to last through a power cut, which costs milliseconds.

    Raises:
        OSError: The disk is full, the folder is gone. No temporary file is left.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            if durable:
                os.fsync(stream.fileno())
        temporary.replace(path)
    finally:  # it is gone where all went well
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    if durable:
        _sync_folder(path.parent)


def write_json(path: Path, data: object) -> None:
    """Writes plain data atomically, for people and programs to read.

    Raises:
        OSError: As in `write_text`.
    """
    write_text(path, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def write_json_lines(path: Path, rows: Iterable[object]) -> None:
    """Writes plain data atomically, a line each.

    Raises:
        OSError: As in `write_text`.
    """
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSON Lines file; lines that are no objects are left out, as in training."""
    with path.open("rb") as lines:
        for line in lines:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(row, dict):
                yield row


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None if there is none that can be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


MAX_BYTES = 16 * 1024 * 1024
"""Largest config file that is read; published ones are below 1 MiB."""

MAX_PARTS = 4_000_000
"""Most commas and brackets in a document: what keeps a small file from filling the memory."""


def load_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        VlftError: If it can't be read, is no JSON object, or is larger than a config can be.
    """
    try:
        if path.exists() and not path.is_file():
            raise VlftError(f"`{path}` is not a file")  # opening a pipe would wait for ever
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise VlftError(f"`{path}` can't be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise VlftError(f"`{path}` is larger than {MAX_BYTES // 1024**2} MiB: that is no config")
    try:
        return parse_object(content)
    except ValueError as error:
        hint = "download the file again; it may have been cut short or edited"
        raise VlftError(f"`{path}` {error}", hint) from None


def parse_object(content: bytes) -> dict[str, Any]:
    """The JSON object in these bytes.

    Raises:
        ValueError: What is wrong, as the end of a sentence that starts with the file's name.
    """
    if sum(content.count(mark) for mark in (b",", b"[", b"{")) > MAX_PARTS:
        raise ValueError("has more parts than any model's files")
    try:
        value = json.loads(content.decode("utf-8"))
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    except ValueError:
        raise ValueError("holds a number that is too long") from None
    if not isinstance(value, dict):
        raise ValueError(f"holds a {type(value).__name__}, not an object")  # noqa: TRY004
    return value


def read_from(path: Path, offset: int) -> bytes:
    """What a file holds from a byte on; nothing while it can't be read."""
    with suppress(OSError), path.open("rb") as stream:
        stream.seek(offset)
        return stream.read()
    return b""


def _sync_folder(folder: Path) -> None:
    """Makes the new name last through a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
