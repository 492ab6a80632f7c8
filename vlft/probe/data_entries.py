"""What `data.train` and `data.val` name: files that exist, or ids on a hub."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENTRY = re.compile(r"(?P<path>.+?)(?P<sample>#\d+)?", re.DOTALL)

MAX_COUNTED_BYTES = 64 * 1024 * 1024
"""Of all files of a config together whose rows are counted; it takes about 50 ms."""


@dataclass(frozen=True, slots=True)
class DataEntry:
    """One entry of a data list.

    Attributes:
        text: As written in the config.
        kind: `file`; `hub` for `hf::id` and `ms::id`; `missing` if it is neither.
        argument: What ms-swift is given: an absolute path with its `#N`, or the hub id.
        path: The file's absolute path without `#N`; None for a hub id.
        sample: The N of `#N`; None if all rows are taken.
        rows: Rows in a JSONL file; None if they were not counted.
        size: Bytes of a file; None if it is none, or a folder.
    """

    text: str
    kind: Literal["file", "hub", "missing"]
    argument: str
    path: Path | None
    sample: int | None = None
    rows: int | None = None
    size: int | None = None


def read_entry(text: str, base_dir: Path) -> DataEntry:
    """Looks one entry up.

    Args:
        text: `path`, `path#N`, `hf::id` or `ms::id`.
        base_dir: Folder that a relative path starts from.
    """
    if text.startswith(("hf::", "ms::")):
        sample = _sample(text.rpartition("#")[2]) if "#" in text else None
        return DataEntry(text, "hub", text, None, sample)
    whole = absolute(text, base_dir)
    if os.path.exists(whole):  # noqa: PTH110  a file name may itself end in #digits
        return DataEntry(text, "file", str(whole), whole, size=_size(whole))
    match = _ENTRY.fullmatch(text)
    name, sampled = (match["path"], match["sample"] or "") if match else (text, "")
    path = absolute(name, base_dir)
    # Path.exists fails on a name that is too long.
    kind: Literal["file", "missing"] = "file" if os.path.exists(path) else "missing"  # noqa: PTH110
    return DataEntry(text, kind, f"{path}{sampled}", path, _sample(sampled[1:]), size=_size(path))


def absolute(text: str, base_dir: Path) -> Path:
    """A path as written in a config, made absolute without following links."""
    # os.path leaves `~somebody` as it is where there is no such user.
    return Path(os.path.normpath(base_dir / os.path.expanduser(text)))  # noqa: PTH111


def count_rows(
    entries: Sequence[DataEntry], limit: int = MAX_COUNTED_BYTES
) -> tuple[DataEntry, ...]:
    """The same entries with the rows of their JSONL files.

    Args:
        entries: All of a config.
        limit: Bytes of all of them together; if there are more, none is counted.
    """
    sizes = {entry.path: _stat(entry.path) for entry in entries if entry.path is not None}
    if sum(size for size, _ in filter(None, sizes.values())) > limit:
        return tuple(entries)
    return tuple(
        replace(entry, rows=_rows(entry.path, *found))
        if entry.path is not None and (found := sizes[entry.path]) is not None
        else entry
        for entry in entries
    )


def _stat(path: Path) -> tuple[int, int] | None:
    """Size and time of a JSONL file; None if it is none."""
    if path.suffix != ".jsonl" or not os.path.isfile(path):  # noqa: PTH113
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


@functools.lru_cache(maxsize=1024)
def _rows(path: Path, size: int, changed: int) -> int | None:  # noqa: ARG001 - part of the key
    """Lines that are not blank; None if the file can't be read."""
    try:
        with path.open("rb") as file:
            return sum(1 for line in file if not line.isspace())
    except OSError:
        return None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if os.path.isfile(path) else None  # noqa: PTH113
    except OSError:
        return None


def _sample(digits: str) -> int | None:
    # More digits than any file has rows: int() refuses very long ones.
    return int(digits) if digits.isdecimal() and len(digits) < 16 else None  # noqa: PLR2004
