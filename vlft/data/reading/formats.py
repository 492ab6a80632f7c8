"""What makes ms-swift fail on a whole file, or read it otherwise than it looks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from vlft.data import rules

if TYPE_CHECKING:
    from vlft.data.outcomes import RowProblem

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


def no_reader(path: Path) -> RowProblem:
    """A name by which ms-swift finds no reader."""
    ending = path.suffix or "a name without an ending"
    message = f"ms-swift has no reader for {ending}, and asks the hub"
    return rules.NO_READER.found(message, format_hint(path))


def missing(path: Path) -> RowProblem:
    """A file that is not there."""
    hint = "ms-swift takes a relative path that does not exist for a data set on the hub"
    return rules.MISSING.found(f"there is no file {path}", hint)
