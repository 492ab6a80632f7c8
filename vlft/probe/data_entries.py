"""Entries of data lists, by the grammar of ms-swift (swift/dataset/dataset_syntax.py).

    [hf::|ms::]path or id[:subset[/subset…]][#N]

What exists is never split, so a file's name may hold `::`, `:` and `#`.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path  # noqa: TC003
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from vlft.config.source import absolute

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_COUNTED_BYTES = 64 * 1024 * 1024
"""Of all files of a config together whose rows are counted; it takes about 50 ms."""

Kind = Literal["file", "folder", "hub", "missing"]

_HUBS = frozenset({"hf", "ms"})
_ENDINGS = (".jsonl", ".json", ".csv", ".parquet", ".txt", ".gz", ".tsv")


class DataEntry(Struct, frozen=True):
    """One entry of a data list.

    Attributes:
        text: As the user wrote it.
        kind: hub for an id on a hub; missing for a path that does not exist.
        argument: What ms-swift is given: an absolute path with its subsets and `#N`, or the id.
        path: Absolute path of a file or folder, without subsets and `#N`; None for an id.
        hub: `hf` or `ms`, if the entry names one.
        subsets: Names after the colon.
        sample: The N of `#N`; None if all rows are taken.
        rows: Rows in a JSONL file; None if they were not counted.
        size: Bytes of a file; None for anything else.
        problem: Why ms-swift fails on the entry itself; None if it does not.
    """

    text: str
    kind: Kind
    argument: str
    path: Path | None
    hub: str | None = None
    subsets: tuple[str, ...] = ()
    sample: int | None = None
    rows: int | None = None
    size: int | None = None
    problem: str | None = None

    @property
    def file(self) -> Path:
        """The path of an entry that is a file or a folder.

        Raises:
            ValueError: For an id on a hub.
        """
        if self.path is None:
            message = f"{self.text} is on a hub"
            raise ValueError(message)
        return self.path


def parse_entry(text: str, base_dir: Path) -> DataEntry:
    """Splits one entry as ms-swift does, and looks it up.

    Args:
        text: `path`, `path#N`, `path:subset#N`, `hf::id` or `ms::id`.
        base_dir: Folder that a relative path starts from.
    """
    whole = absolute(text, base_dir)
    if _exists(whole):
        return _local(text, whole)
    hub, _, rest = text.partition("::")
    hub, rest = (hub.lower(), rest) if rest else ("", text)
    head, sample = rest, None
    if not _exists(absolute(rest, base_dir)) and "#" in rest:
        head, _, digits = rest.rpartition("#")
        try:
            sample = int(digits)
        except ValueError:
            problem = f"`#{digits}` is not a number of rows"
            return DataEntry(text, "missing", str(whole), whole, problem=problem)
    name, colon, subsets = head, "", ""
    if not _exists(absolute(head, base_dir)):
        name, colon, subsets = head.partition(":")
    names = tuple(subset.strip() for subset in subsets.split("/")) if colon else ()
    path = absolute(name.strip(), base_dir)
    if name.strip() and _exists(path):
        whole_name = str(path)
        if "::" in whole_name or (names and ":" in whole_name):
            problem = "ms-swift splits a path with a colon before its `#N` and subsets"
            return DataEntry(text, "missing", whole_name, path, problem=problem)
        return _local(text, path, names, sample)
    looks_local = name.startswith(("/", ".", "~")) or name.strip().endswith(_ENDINGS)
    if hub in _HUBS or not looks_local:
        named = hub if hub in _HUBS else None
        return DataEntry(text, "hub", text, None, named, names, sample)
    return DataEntry(text, "missing", _render(path, names, sample), path, None, names, sample)


def _local(
    text: str, path: Path, subsets: tuple[str, ...] = (), sample: int | None = None
) -> DataEntry:
    kind: Kind = "folder" if path.is_dir() else "file"
    argument = _render(path, subsets, sample)
    return DataEntry(text, kind, argument, path, None, subsets, sample, size=_size(path))


def _render(path: Path, subsets: tuple[str, ...], sample: int | None) -> str:
    names = ":" + "/".join(subsets) if subsets else ""
    return f"{path}{names}" + ("" if sample is None else f"#{sample}")


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - False for a name that is too long


def count_rows(
    entries: Sequence[DataEntry], limit: int = MAX_COUNTED_BYTES
) -> tuple[DataEntry, ...]:
    """The same entries with the rows of their JSONL files.

    Args:
        entries: All of a config.
        limit: Bytes of all of them together; if there are more, none is counted.
    """
    files = {
        entry.path: (entry.size, _changed(entry.file))
        for entry in entries
        if entry.size is not None and entry.file.suffix == ".jsonl"
    }
    if sum(size for size, _ in files.values()) > limit:
        return tuple(entries)
    return tuple(
        replace(entry, rows=_rows(entry.file, *files[entry.path])) if entry.path in files else entry
        for entry in entries
    )


def _changed(path: Path) -> int:
    """When a file was last written, in nanoseconds; 0 if it is gone."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


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


def bytes_of(texts: Sequence[str], base_dir: Path) -> int:
    """Size of all files that entries name."""
    return sum(parse_entry(text, base_dir).size or 0 for text in texts)
