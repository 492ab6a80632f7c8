"""Pictures and videos to be counted: from files, from sizes, from lines of JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.errors import UsageError, VlftError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vlft.data.media.video_readers import VideoReader
    from vlft.models import ImageTokens, PixelLimits, VideoFile, Vision

_SIZE = re.compile(r"([1-9][0-9]{0,8})[x×X]([1-9][0-9]{0,8})")
_ROW_LIMITS = ("min_pixels", "max_pixels", "max_num")


@dataclass(frozen=True)
class Asked:
    """A picture, or a video, to be counted.

    Attributes:
        width: In pixels.
        height: In pixels.
        name: The file; empty for a size.
        row: Limits of its own, as in a row's `chat_template_kwargs`.
        unread: Why a file can't be read; None if it can.
        film: What there is of a video file; None for a picture.
    """

    width: int = 0
    height: int = 0
    name: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)
    unread: str | None = None
    film: VideoFile | None = None

    def count(self, vision: Vision, limits: PixelLimits) -> ImageTokens:
        """What it comes to."""
        return vision.image(self.width, self.height, limits.with_row(self.row))


def of_words(words: Sequence[str], reader: VideoReader) -> Iterator[Asked]:
    """What is named on the command line: files, or sizes of pictures as `336x500`.

    Args:
        words: File names, or sizes, width first.
        reader: What the trainer reads videos with.
    """
    for word in words:
        size = _SIZE.fullmatch(word)
        if size and not Path(word).exists():
            yield Asked(int(size[1]), int(size[2]))
        else:
            yield _of_file(word, reader)


def of_lines(file: Path) -> Iterator[Asked]:
    """Pictures in a file of JSON lines with `width`, `height` and a row's limits.

    Raises:
        VlftError: If the file or a line can't be read.
    """
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise VlftError(f"{file}:{number}: no JSON: {error}") from None
            yield _of_row(row, f"{file}:{number}")


def _of_file(name: str, reader: VideoReader) -> Asked:
    from vlft.data.media import MediaProblem, probe_picture  # noqa: PLC0415 - not for sizes
    from vlft.data.media.video_probe import is_film, look_at_film  # noqa: PLC0415

    if is_film(name):
        film = look_at_film(name, name, reader)
        if film.file is not None:
            return Asked(film.file.width, film.file.height, name, film=film.file)
        said = film.problem
        return Asked(name=name, unread=f"{said.message}; {said.hint}" if said else "no video")
    found = probe_picture(Path(name))
    if isinstance(found, MediaProblem):
        if found.kind == "missing" and "." not in name and "/" not in name:
            raise UsageError(f"`{name}` is no size and no file", "a size is written 336x500")
        return Asked(name=name, unread=found.message)
    return Asked(found.width, found.height, name)


def _of_row(row: object, place: str) -> Asked:
    if not isinstance(row, dict):
        raise VlftError(f"{place}: no object", 'write {"width": 336, "height": 500}')
    for name in ("width", "height", *_ROW_LIMITS):
        value = row.get(name)
        if name in _ROW_LIMITS and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise VlftError(f"{place}: `{name}` is {value!r}", "write a positive integer")
    limits = {name: row[name] for name in _ROW_LIMITS if row.get(name) is not None}
    return Asked(row["width"], row["height"], row=limits)
