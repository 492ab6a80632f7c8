"""Of what types the entries of `images` are: pyarrow keeps one for all rows of a file.

swift/dataset/preprocessor/core.py: RowPreprocessor._cast_mm_data, _patch_arrow_writer
"""

from __future__ import annotations

from typing import Any, Final

from vlft.text import kind

OF_PATH: Final = "a path that is "
_OBJECT: Final = kind({})
PLAIN_IMAGES: Final = frozenset({_OBJECT, f"{OF_PATH}{kind('')}"})
"""Kinds where all pictures are named by texts, or by objects with them."""


def image_kinds(images: Any) -> set[str]:
    """Kinds of a row's entries, and those of their paths; nulls have none.

    Args:
        images: The column of a row, not empty.
    """
    if isinstance(images, str) or (isinstance(images, list) and isinstance(images[0], str)):
        paths = [images] if isinstance(images, str) else images
        return {_OBJECT, *(f"{OF_PATH}{kind(path)}" for path in paths if path is not None)}
    if not isinstance(images, list | dict):
        return {f"alone, {kind(images)}"}
    entries = images if isinstance(images, list) else [images]
    found: set[str] = set()
    for entry in entries:
        if entry is None:
            continue
        found.add(kind(entry))
        if isinstance(entry, dict) and entry.get("path") is not None:
            found.add(f"{OF_PATH}{kind(entry['path'])}")
    return found
