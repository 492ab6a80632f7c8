"""Pictures in a Parquet file that `datasets` decodes before ms-swift sees their rows.

A file that `datasets` wrote says which values are pictures. ms-swift asks for the bytes as they
are only of a column that is one picture (swift/dataset/preprocessor/core.py: _cast_pil_image);
all others, in lists above all, are opened, turned upright and saved again
(datasets/features/image.py: decode_example, image_to_bytes).
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from vlft.data import rules
from vlft.data.media.headers import probe_bytes, probe_picture
from vlft.data.media.picture import MediaProblem
from vlft.data.reading.lines import BrokenLineError, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.data.loading.aliases import Columns

Place = tuple[str, ...]
"""Keys of a value, `[]` for the items of a list."""

_LISTS = frozenset({"List", "LargeList", "Sequence"})
_TAKEN_AS_BYTES = frozenset({"images", "rejected_images", "teacher_images"})


def picture_places(metadata: Mapping[bytes, bytes] | None, columns: Columns) -> list[Place]:
    """Where a file has pictures that are decoded.

    Args:
        metadata: Of its schema.
        columns: What becomes of its columns.
    """
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return []
    return [
        place
        for place in _images(features, ())
        if len(place) > 1 or columns.rename.get(place[0], place[0]) not in _TAKEN_AS_BYTES
    ]


def _images(feature: Any, place: Place) -> Iterator[Place]:
    if isinstance(feature, list):
        yield from _images(feature[0], (*place, "[]"))
    elif isinstance(feature, dict) and feature.get("_type") in _LISTS:
        yield from _images(feature.get("feature"), (*place, "[]"))
    elif isinstance(feature, dict) and feature.get("_type") == "Image":
        if feature.get("decode", True):
            yield place
    elif isinstance(feature, dict) and not isinstance(feature.get("_type"), str):
        for key, inner in feature.items():
            yield from _images(inner, (*place, key))


def decoded(row: Row, places: list[Place], cwd: str) -> Row:
    """The row with these pictures as ms-swift gets them.

    Args:
        row: Of the file.
        places: Of the pictures.
        cwd: Working directory of the trainer.

    Raises:
        BrokenLineError: If one can't be decoded: the load of the file ends there.
    """
    value = row.value
    try:
        for place in places:
            value = _at(value, place, cwd)
    except _UndecodableError as error:
        hint = "take the row out, or write the pictures to files: vlft data convert does"
        message = f"{'.'.join(error.place)}: {error.problem}"
        problem = rules.UNDECODABLE.found(message, hint, error.place[0])
        raise BrokenLineError(problem, row.number, row.line, 1) from None
    return row._replace(value=value)


class _UndecodableError(Exception):
    def __init__(self, place: Place, problem: str) -> None:
        self.place, self.problem = place, problem


def _at(value: Any, place: Place, cwd: str, above: Place = ()) -> Any:
    if value is None:
        return None
    if not place:
        return _upright(value, above, cwd)
    key, rest = place[0], place[1:]
    if key == "[]":
        return [_at(item, rest, cwd, (*above, str(at))) for at, item in enumerate(value)]
    return {**value, key: _at(value.get(key), rest, cwd, (*above, key))}


def _upright(given: dict[str, Any], place: Place, cwd: str) -> dict[str, Any]:
    content, path = given.get("bytes"), given.get("path")
    if content is None and path is None:
        raise _UndecodableError(place, "a picture has neither bytes nor a path")
    if content is None and "://" in str(path):
        return given  # fetched from where it is; not looked at here
    where = os.path.join(cwd, str(path))  # noqa: PTH118 - an absolute path stays
    found = probe_picture(where) if content is None else probe_bytes(content, "the picture")
    if isinstance(found, MediaProblem):
        if found.kind == "unreadable":
            return given  # nothing here can judge it
        raise _UndecodableError(place, found.message)
    if found.orientation == 1:
        return given
    from vlft.data.media.pillow import turned  # noqa: PLC0415 - for few pictures

    return {"bytes": turned(where if content is None else content), "path": None}
