"""What a reference of `videos` turns out to be, for the reader that the trainer has.

Read with PyAV. What is damaged further on only decoding would tell, so that is done of those
files alone that are seen to break off.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vlft.data.media.problems import (
    broken_video,
    cut_video,
    no_reader,
    short_video,
    unjudged_video,
    without_av,
)
from vlft.data.media.video import FirstBytes, first_bytes

if TYPE_CHECKING:
    from vlft.data.media.picture import MediaProblem
    from vlft.data.media.video_readers import VideoReader
    from vlft.models import VideoFile


_ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".flv", ".ts", ".wmv", ".mpg", ".mpeg")
_PICTURES_IN_BOXES = (".avif", ".heic", ".heif")
_OF_GIFS: Final = ("pyav", "torchcodec", "torchcodec_or_torchvision")


class Film(NamedTuple):
    """What a reference of `videos` turns out to be.

    Attributes:
        file: What the reader makes of it; None if that fails, or can't be told.
        problem: What is wrong with it; None if nothing is.
    """

    file: VideoFile | None = None
    problem: MediaProblem | None = None


def look_at_film(path: str, name: str, reader: VideoReader) -> Film:
    """Reads a video file.

    Args:
        path: Of a file that is not empty.
        name: What messages call it.
        reader: What the trainer reads it with.

    Raises:
        OSError: If it can't be read.
    """
    if reader == "none":
        return Film(problem=no_reader(name))
    head = first_bytes(path, name)
    if head.problem is not None and not (head.container == "gif" and reader in _OF_GIFS):
        return Film(problem=head.problem)
    if reader == "other":
        return Film(problem=unjudged_video(name, "its reader is none that vlft follows"))
    if head.cut and reader == "decord_bytes" and head.container == "avi":
        return Film(problem=cut_video(name, head.cut))
    film = _read(path, name, head, reader)
    found = film.problem
    if reader.endswith("torchvision") and found and found.kind == "video_unreadable":
        why = f"an old torchvision may read it all the same ({found.message})"
        return Film(problem=unjudged_video(name, why))
    return film


def is_film(path: str) -> bool:
    """Whether a file is meant as a video: by its name, else by its content."""
    name = path.lower()
    try:
        if not os.path.isfile(path) or not os.path.getsize(path):  # noqa: PTH113, PTH202
            return False
        head = first_bytes(path, path)
    except OSError:
        return False
    if name.endswith(_PICTURES_IN_BOXES):
        return False
    return name.endswith(_ENDINGS) or (head.problem is None and head.container != "unknown")


def _read(path: str, name: str, head: FirstBytes, reader: VideoReader) -> Film:
    if head.cut and reader.startswith("decord") and head.container in {"mp4", "fragments"}:
        return Film(problem=broken_video(name, f"it is cut off: {head.cut}"))
    try:
        import av  # noqa: PLC0415 - a large library, for videos alone
    except ImportError:
        return Film(problem=without_av(name))
    from vlft.data.media.frames import RefusedError, as_decord, as_torchcodec, as_transformers  # noqa: PLC0415 - likewise

    try:
        with av.open(path, metadata_errors="ignore") as file:
            if reader == "pyav":
                found = as_transformers(file, name, head.container)
            elif reader.startswith("torchcodec"):
                found = as_torchcodec(file, path, name, head.container)
            else:
                alone = reader == "decord_bytes"
                found = as_decord(file, path, name, head.container, alone=alone)
        if not head.cut:
            return Film(found)
        shown = _decoded(av, path)
    except RefusedError as refused:
        return Film(problem=refused.problem)
    except av.FFmpegError as error:
        return Film(problem=broken_video(name, f"FFmpeg says `{error.strerror}`"))
    if reader == "pyav":
        found = replace(found, frames=min(found.frames, shown))
    return Film(found, short_video(name, head.cut, found.frames))


def _decoded(av: Any, path: str) -> int:
    """How many frames can be decoded."""
    with av.open(path, metadata_errors="ignore") as file:
        return sum(1 for _ in file.decode(file.streams.video[0]))
