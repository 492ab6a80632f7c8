"""Files that are either whole or not there.

Kept light: the supervisor of a run imports it too.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

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
