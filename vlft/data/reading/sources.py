"""Names of data files as ms-swift reads them (swift/dataset/dataset_syntax.py)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

Format = Literal["json", "csv", "parquet", "text", "other", "none"]

_FORMATS: Final[dict[str, Format]] = {
    "jsonl": "json",
    "json": "json",
    "csv": "csv",
    "parquet": "parquet",
    "txt": "text",
    "text": "text",
    "arrow": "other",
    "xml": "other",
    "pandas": "other",
    "webdataset": "other",
    "hdf5": "other",
}
"""Ending → format; `other` for those that ms-swift loads and vlft does not look into."""


def format_of(path: Path) -> Format:
    """The format; `none` where ms-swift looks for a data set of that name on the hub."""
    return _FORMATS.get(path.suffix.removeprefix("."), "none")


def format_hint(path: Path) -> str:
    """What to do about a file that ms-swift can't load."""
    ending = path.suffix.lower()
    if ending == ".gz":
        inner = Path(path.stem).suffix or ".jsonl"
        return f"rename it to end in {inner}: packed content is unpacked, the name decides"
    if ending.removeprefix(".") in _FORMATS:
        return f"write {ending} in lower case"
    if ending in {".ndjson", ".jl"}:
        return "rename it to end in .jsonl"
    if ending == ".tsv":
        return "write it as .csv, with commas"
    return "write JSON Lines, and a name that ends in .jsonl"


Kind = Literal["file", "folder", "hub", "missing"]


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of a list of data.

    Attributes:
        text: As given.
        kind: hub for what is neither file nor folder and may be on a hub; missing for an
            absolute path that does not exist, and for what looks like a file's name.
        path: Of a file or folder, without `#N`.
        sample: N of `#N`; None for all rows.
    """

    text: str
    kind: Kind
    path: Path
    sample: int | None = None


_ENDINGS = (".jsonl", ".json", ".csv", ".parquet", ".txt", ".gz", ".tsv")


def parse_source(text: str, cwd: Path) -> Source:
    """Splits an entry as ms-swift does: what exists is never split.

    Args:
        text: A path, `path#N`, `path:subset#N`, `hf::id` or `ms::id`.
        cwd: Working directory of the trainer.
    """
    on_hub = False
    name = text
    if not _exists(cwd, name) and "::" in name:
        scheme, name = name.split("::", 1)
        on_hub = scheme.lower() in {"hf", "ms"}
    sample: int | None = None
    if not _exists(cwd, name) and "#" in name:
        head, _, digits = name.rpartition("#")
        if digits.strip().isdecimal() and len(digits) < 16:  # noqa: PLR2004
            name, sample = head, int(digits)
    if not _exists(cwd, name) and ":" in name:
        name = name.split(":", 1)[0]
    name = name.strip()
    path = cwd / name
    if name and path.is_file():
        return Source(text, "file", path, sample)
    if name and path.is_dir():
        return Source(text, "folder", path, sample)
    missing = name.startswith(("/", ".", "~")) or name.endswith(_ENDINGS)
    return Source(text, "missing" if missing and not on_hub else "hub", path, sample)


def _exists(cwd: Path, name: str) -> bool:
    return os.path.exists(cwd / name)  # noqa: PTH110 - a name that is too long is no error
