"""Pictures and videos to be counted: from files, from sizes, from lines of JSON.

And how `vlft tokens` writes what it counted.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct, field

from vlft.errors import UsageError, VlftError
from vlft.models import ImageTokens, PixelLimits, VideoFile, VideoTokens, Vision

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vlft.data.media.video import VideoReader


_SIZE = re.compile(r"([1-9][0-9]{0,8})[x×X]([1-9][0-9]{0,8})")
_ROW_LIMITS = ("min_pixels", "max_pixels", "max_num")


class Asked(Struct, frozen=True):
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
    from vlft.data.media.headers import probe_picture  # noqa: PLC0415 - not for sizes
    from vlft.data.media.problems import MediaProblem  # noqa: PLC0415 - not for sizes
    from vlft.data.media.video import is_film, look_at_film  # noqa: PLC0415

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


class Counted(NamedTuple):
    """What was asked for, and what it comes to.

    Attributes:
        asked: A picture or a video.
        found: Its tokens; None if it can't be read.
        steps: The way to them, a line a step.
    """

    asked: Asked
    found: ImageTokens | VideoTokens | None = None
    steps: tuple[str, ...] = ()


def count(asked: Asked, vision: Vision, limits: PixelLimits) -> Counted:
    """What a picture or a video comes to."""
    if asked.unread:
        return Counted(asked)
    if asked.film is None:
        picture = vision.image(asked.width, asked.height, limits.with_row(asked.row))
        return Counted(asked, picture, picture.steps)
    limits = limits.with_row(None, has_video=True)
    video, steps = vision.video(asked.film, limits), vision.video_steps(asked.film, limits)
    return Counted(asked, video, steps)


def as_json(counted: Counted, vision: Vision) -> dict[str, object]:
    """One picture or video as programs read it; sizes are [height, width]."""
    asked, found = counted.asked, counted.found
    entry: dict[str, object] = {"file": asked.name} if asked.name else {}
    if found is None:
        return entry | {"tokens": None, "error": asked.unread}
    entry |= {"width": asked.width, "height": asked.height}
    if asked.film is not None:
        entry |= {"frames": asked.film.frames, "fps": asked.film.fps}
    if isinstance(found, VideoTokens):
        entry["frames_taken"] = None if found.error is not None else found.frames
    entry["resized"] = found.resized
    if vision.side is not None:
        entry["grid_thw"] = found.grid_thw
    if isinstance(found, VideoTokens):
        tokens = None if found.error is not None else found.tokens
        return entry | {"tokens": tokens, "error": found.error}
    if vision.side is None:
        entry |= {"tiles": found.tiles, "grid": found.grid}
    return entry | {"tokens": found.tokens, "hf_tokens": found.hf_tokens, "error": found.error}


def as_text(counted: Sequence[Counted], title: str, vision: Vision) -> str:
    """The steps of one picture or video, a table of several."""
    lines = _steps(counted[0]) if len(counted) == 1 else _table(counted, vision)
    return "\n".join([title, *lines])


def _steps(counted: Counted) -> list[str]:
    asked, found = counted.asked, counted.found
    if found is None:
        return [f"{asked.name}: {asked.unread}"]
    size = _size(asked) if asked.film else f"{_size(asked)} pixels"
    lines = [f"{asked.name or 'a picture'}: {size}"]
    lines += [f"  → {step}" for step in counted.steps]
    if found.error is not None:
        lines.append(f"  ✗ {found.error}; ms-swift replaces such a row by another one")
    if isinstance(found, ImageTokens) and found.hf_tokens != found.tokens:
        alone = "fails" if found.hf_tokens is None else f"makes {found.hf_tokens} tokens"
        lines.append(f"  (transformers' processor, which resizes by another rule, {alone})")
    return lines


def _size(asked: Asked) -> str:
    size, film = f"{asked.width}×{asked.height}", asked.film
    if film is None:
        return size
    frames = "a frame" if film.frames == 1 else f"{film.frames} frames"
    return f"{size} pixels, {frames}, {film.fps:g} a second"


def _table(counted: Sequence[Counted], vision: Vision) -> list[str]:
    parts = "tiles" if vision.side is None else "patches"
    rows = [("picture", "resized", parts, "tokens", "hf alone")]
    rows += [_row(one) for one in counted]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(_cells(row, widths)).rstrip() for row in rows]
    found = [one.found for one in counted if one.found is not None and one.found.error is None]
    for what, form in (("pictures", ImageTokens), ("videos", VideoTokens)):
        known = sorted(one.tokens or 0 for one in found if isinstance(one, form))
        if known:
            lines.append(
                f"{len(known)} {what}, {sum(known)} tokens: least {known[0]}, "
                f"median {median(known):g}, most {known[-1]}"
            )
    return lines


def _row(counted: Counted) -> tuple[str, str, str, str, str]:
    asked, found = counted.asked, counted.found
    if found is None:
        return asked.name, "", "", "", asked.unread or ""
    name = f"{asked.name} {_size(asked)}" if asked.name else _size(asked)
    if found.error is not None or found.resized is None:
        return name, "", "", "", found.error or ""
    resized = f"{found.resized[1]}×{found.resized[0]}"
    if isinstance(found, VideoTokens):
        shape = "×".join(map(str, found.grid_thw or ()))
        return name, resized, shape, str(found.tokens), ""
    across = found.grid or (found.grid_thw or (0, 0, 0))[:0:-1]
    shape = f"{across[0]}×{across[1]}" + (" + 1" if (found.tiles or 0) > 1 else "")
    return name, resized, shape, str(found.tokens), str(found.hf_tokens)


def _cells(row: tuple[str, ...], widths: Sequence[int]) -> list[str]:
    """Names to the left, figures to the right, the last as it is."""
    name, *figures, last = row
    right = [text.rjust(width) for text, width in zip(figures, widths[1:], strict=True)]
    return [name.ljust(widths[0]), *right, last]
