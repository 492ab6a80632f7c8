"""What `data.train` and `data.val` name: files that exist, or ids on a hub."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_ENTRY = re.compile(r"(?P<path>.+?)(?P<sample>#\d+)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class DataEntry:
    """One entry of a data list.

    Attributes:
        text: As written in the config.
        kind: `file`; `hub` for `hf::id` and `ms::id`; `missing` if it is neither.
        argument: What ms-swift is given: an absolute path with its `#N`, or the hub id.
        path: The file's absolute path without `#N`; None for a hub id.
    """

    text: str
    kind: Literal["file", "hub", "missing"]
    argument: str
    path: Path | None


def read_entry(text: str, base_dir: Path) -> DataEntry:
    """Looks one entry up.

    Args:
        text: `path`, `path#N`, `hf::id` or `ms::id`.
        base_dir: Folder that a relative path starts from.
    """
    if text.startswith(("hf::", "ms::")):
        return DataEntry(text, "hub", text, None)
    whole = absolute(text, base_dir)
    if whole.exists():  # a file name may itself end in #digits
        return DataEntry(text, "file", str(whole), whole)
    match = _ENTRY.fullmatch(text)
    name, sample = (match["path"], match["sample"] or "") if match else (text, "")
    path = absolute(name, base_dir)
    kind: Literal["file", "missing"] = "file" if path.exists() else "missing"
    return DataEntry(text, kind, f"{path}{sample}", path)


def absolute(text: str, base_dir: Path) -> Path:
    """A path as written in a config, made absolute without following links."""
    return Path(os.path.normpath(base_dir / Path(text).expanduser()))
