"""Rows to calibrate a quantisation on: a fixed choice from the rows that were trained on."""

from __future__ import annotations

import json
import os
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xxhash
from msgspec import Struct

from vlft.errors import VlftError
from vlft.files import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vlft.runs.target import Target

# Rows where none are asked for; GPTQ's own experiments used as many (arXiv:2210.17323).
_ROWS = 128

_MEDIA = ("images", "image", "videos", "video", "audios", "audio")


class Calibration(Struct, frozen=True):
    """Rows that were chosen.

    Attributes:
        rows: As they are in their files, with the paths of pictures made absolute.
        vision: How many of them have a picture or a video.
        source: Rows that there were to choose from.
    """

    rows: tuple[dict[str, Any], ...]
    vision: int
    source: int


def calibration_files(target: Target, named: Sequence[str] | None) -> tuple[str, ...]:
    """The files to calibrate on, as `--dataset` takes them: the named ones, else the run's data.

    Raises:
        VlftError: If a named one is not there.
    """
    if named is None:
        return target.plan.arguments.get("dataset", ()) if target.plan else ()
    for file in named:
        if not Path(file).is_file():
            raise VlftError(f"there is no file `{file}` to calibrate on", "rows as in training")
    return tuple(str(Path(file).absolute()) for file in named)


def select_from(target: Target, names: Sequence[str], count: int | None) -> Calibration | None:
    """The chosen rows of those that are JSON Lines files; None if there is no such file."""
    files = [Path(name) for name in names if name.endswith(".jsonl") and Path(name).is_file()]
    if not files:
        return None
    record = target.run.record if target.run else {}
    folders = [Path(str(record.get("cwd", Path.cwd()))), *(file.parent for file in files)]
    return select(chain.from_iterable(map(read_rows, files)), count or _ROWS, folders)


def select(rows: Iterable[dict[str, Any]], count: int, folders: Sequence[Path]) -> Calibration:
    """Chooses rows by a hash of their content: the same ones in any order of the file.

    Rows with pictures keep their share, and at least one of each kind is taken if there is one
    and `count` allows it.

    Args:
        rows: All rows.
        count: How many to take, at most.
        folders: Where relative paths of pictures may start from, the first that fits wins.
    """
    kinds: tuple[list[tuple[int, str]], ...] = ([], [])
    for row in rows:
        text = json.dumps(row, sort_keys=True, ensure_ascii=False)
        kinds[has_media(row)].append((xxhash.xxh3_64_intdigest(text.encode()), text))
    plain, vision = kinds
    total = len(plain) + len(vision)
    if not total:
        return Calibration((), 0, 0)
    count = min(count, total)
    of_vision = round(count * len(vision) / total)
    if count > 1:
        of_vision = min(max(of_vision, bool(vision)), count - bool(plain))
    of_vision = max(of_vision, count - len(plain))
    taken = sorted(plain)[: count - of_vision] + sorted(vision)[:of_vision]
    made = tuple(_absolute(json.loads(text), folders) for _, text in sorted(taken))
    return Calibration(made, of_vision, total)


def has_media(row: dict[str, Any]) -> bool:
    """Whether a row has a picture, a video or a sound: in a column, or in its messages."""
    if any(row.get(key) for key in _MEDIA):
        return True
    messages = row.get("messages")
    contents = [m.get("content") for m in messages or () if isinstance(m, dict)]
    return any(
        isinstance(part, dict) and part.get("type") not in (None, "text")
        for content in contents
        if isinstance(content, list)
        for part in content
    )


def _absolute(row: dict[str, Any], folders: Sequence[Path]) -> dict[str, Any]:
    """The same row, its pictures found from anywhere."""

    def found(value: object) -> object:
        if isinstance(value, list):
            return [found(item) for item in value]
        if isinstance(value, dict):
            return {key: found(item) for key, item in value.items()}
        if isinstance(value, str) and len(value) < 4096 and not value.startswith("/"):  # noqa: PLR2004
            # os.path, for it takes a name that no file can have as one that is not there.
            for folder in folders:
                if os.path.isfile(folder / value):  # noqa: PTH113
                    return str(folder / value)
        return value

    return row | {key: found(row[key]) for key in _MEDIA if key in row}
