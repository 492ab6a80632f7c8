"""Which reader ms-swift gives a file, by the ending of its name alone."""

from __future__ import annotations

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
