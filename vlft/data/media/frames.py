"""Frames, rate and size of an open video, as three readers have them; no frame is decoded.

decord 0.6 is built on FFmpeg 4.1: it asks the header for a number of frames, or for a rate and a
duration, then counts the packets of the track. So a header that counts wrongly does no harm, and
one that says nothing does. transformers believes the header alone, torchcodec the packets alone.

The boxes of MP4 and QuickTime files are those of ISO/IEC 14496-12.
"""

from __future__ import annotations

import math
import struct
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple

from vlft.data.media import problems
from vlft.models.vision import VideoFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.media.problems import MediaProblem

Container = Literal["mp4", "fragments", "avi", "mkv", "gif", "unknown"]

_HELD_AGAINST_DECORD: frozenset[Container] = frozenset({"mp4", "fragments", "mkv", "avi"})
_HELD_AGAINST_TORCHCODEC: frozenset[Container] = frozenset({"mp4", "fragments", "mkv", "gif"})
_YOUNGER = frozenset({"av1", "vvc", "evc", "lcevc", "apv"})
"""Codecs that decord's FFmpeg has no decoder for."""
_COVER = 0x400  # AV_DISPOSITION_ATTACHED_PIC
_TURNED = frozenset({90, 270})
_LINE = 32
_COLOURS, _WITH_ALPHA = 3, 4


class RefusedError(Exception):
    """The reader makes nothing of a video, or it can't be told what; `problem` says why."""

    def __init__(self, problem: MediaProblem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def as_decord(
    file: Any, path: str, name: str, container: Container, *, alone: bool = False
) -> VideoFile:
    """What decord makes of a video.

    Args:
        file: Opened with PyAV.
        path: Of the file.
        name: What messages call it.
        container: What kind of file it is.
        alone: Whether it is asked for one frame at a time, as for InternVL.

    Raises:
        RefusedError: If it has no frames for decord, or they can't be told.
        OSError: If the file can't be read.
    """
    stream = _only_track(file, name, container, _HELD_AGAINST_DECORD)
    rate, context = stream.average_rate, stream.codec_context
    codec = getattr(context, "codec", None)
    if codec is not None and codec.canonical_name in _YOUNGER:
        raise RefusedError(problems.other_codec(name, codec.canonical_name))
    told = stream.frames or _frames_of_duration(rate, file.duration)
    if told < 1 or not rate:
        raise RefusedError(problems.no_length(name))
    frames, hidden = _packets(file, stream, container)
    if context is None or not context.width or not context.height or hidden == frames:
        raise RefusedError(problems.broken_video(name, "no frame of it is shown"))
    width, height = context.width, context.height
    if _is_turned(stream, path, container):
        width, height = height, width
    channels = _channels(width)
    if alone and channels == _WITH_ALPHA:
        why = f"it is {width} pixels wide, of which decord 0.6 makes other pictures"
        raise RefusedError(problems.unjudged_video(name, why))
    if channels > _COLOURS:
        raise RefusedError(problems.narrow(name, width))
    return VideoFile(frames, rate.numerator / rate.denominator, width, height)


def as_transformers(file: Any, name: str, container: Container) -> VideoFile:
    """What its load_video makes of it: all frames, as they are stored.

    Source: transformers/video_utils.py: read_video_pyav. The arguments are those of `as_decord`.

    Raises:
        RefusedError: If it fails.
    """
    if not file.streams.video:
        raise RefusedError(problems.no_track(name))
    stream = file.streams.video[0]
    rate, context = stream.average_rate, stream.codec_context
    if stream.frames < 1:
        raise RefusedError(problems.uncounted(name))
    packets, hidden = _packets(file, stream, container)
    frames = min(stream.frames, packets - hidden)
    if not rate or frames < 1 or context is None:
        raise RefusedError(problems.broken_video(name, "no frame of it is shown"))
    rate = rate.numerator / rate.denominator
    return VideoFile(frames, rate, context.width, context.height)


def as_torchcodec(file: Any, path: str, name: str, container: Container) -> VideoFile:
    """What torchcodec 0.17 makes of it in its exact mode; the arguments are those of `as_decord`.

    Its rate is that of the frames between the first and the end of the last one. Older
    releases do not turn what a phone wrote to be turned.

    Raises:
        RefusedError: If it fails, or can't be told.
        OSError: If the file can't be read.
    """
    stream = _only_track(file, name, container, _HELD_AGAINST_TORCHCODEC)
    if _is_turned(stream, path, container):
        raise RefusedError(
            problems.unjudged_video(name, "releases of torchcodec differ in turning it")
        )
    frames, context = 0, stream.codec_context
    first, end = math.inf, -math.inf
    for packet in file.demux(stream):
        if not packet.size or packet.is_discard:
            continue
        if packet.pts is None:
            raise RefusedError(problems.unjudged_video(name, "not all of its frames have a time"))
        frames += 1
        first = min(first, packet.pts)
        end = max(end, packet.pts + (packet.duration or 0))
    if not frames or context is None or not context.width or not context.height:
        raise RefusedError(problems.broken_video(name, "no frame of it is shown"))
    unit, rate = stream.time_base, stream.average_rate
    seconds = end * unit.numerator / unit.denominator - first * unit.numerator / unit.denominator
    if not seconds and not rate:
        raise RefusedError(problems.broken_video(name, "it takes no time"))
    fps = frames / seconds if seconds else rate.numerator / rate.denominator
    return VideoFile(frames, fps, context.width, context.height)


def _only_track(file: Any, name: str, container: Container, held: frozenset[Container]) -> Any:
    tracks = [one for one in file.streams.video if not _is_cover(one.disposition)]
    if not tracks:
        raise RefusedError(problems.no_track(name))
    if container not in held:
        raise RefusedError(problems.unjudged_video(name, f"it is {file.format.long_name}"))
    if len(tracks) > 1:
        raise RefusedError(
            problems.unjudged_video(name, f"it has {len(tracks)} tracks of pictures")
        )
    return tracks[0]


def _is_cover(disposition: Any) -> bool:
    """Whether a track is a still picture for players; releases of PyAV differ in its type."""
    return bool(int(getattr(disposition, "value", disposition)) & _COVER)


def _frames_of_duration(rate: Any, duration: int | None) -> int:
    """Whole frames in so many microseconds."""
    if not rate or duration is None:
        return 0
    return int(rate.numerator / rate.denominator * duration / 1_000_000)


def _packets(file: Any, stream: Any, container: Container) -> tuple[int, int]:
    """How many a track has, and how many of them an edit list hides.

    The index of an MP4 has them all; of other files, everything is read.
    """
    entries = getattr(stream, "index_entries", None)  # PyAV has them since release 17
    if container == "mp4" and entries is not None:
        return len(entries), sum(entry.is_discard for entry in entries)
    packets = [packet.is_discard for packet in file.demux(stream) if packet.size]
    return len(packets), sum(packets)


def _is_turned(stream: Any, path: str, container: Container) -> bool:
    """Whether decord turns it by a quarter."""
    if container in {"mp4", "fragments"}:
        return is_turned(path, stream.id)
    told = next((text for key, text in stream.metadata.items() if key.lower() == "rotate"), "")
    return told.lstrip("-").isdigit() and int(told) % 360 in _TURNED


def _channels(width: int) -> int:
    """Bytes that decord takes a pixel to have.

    FFmpeg's lines have room for a multiple of 32 pixels; where the width divides that room,
    decord takes the padding for more channels, and several such frames do not fit together.
    """
    room = _COLOURS * (-(-width // _LINE) * _LINE)
    return _COLOURS if room % width else room // width


_BOX = struct.Struct(">I4s")
_LONG = struct.Struct(">Q")
_MATRIX = struct.Struct(">9i")
_NUMBER = struct.Struct(">I")
_SHIFTS = (16, 16, 30)  # fixed-point numbers of a matrix, by column
_QUARTERS = (90, 270)
# By version: where the track's number and the matrix are in tkhd, and the matrix in mvhd.
_PLACES = ((12, 40, 36), (20, 52, 48))
_MOST_BOXES = 1_000_000


class Box(NamedTuple):
    """A box.

    Attributes:
        kind: Its four letters.
        start: Of its content, in bytes from the file's beginning.
        end: Where it should end.
    """

    kind: bytes
    start: int
    end: int


def boxes(file: IO[bytes], start: int, end: int) -> Iterator[Box]:
    """The boxes between two places, as far as they make sense."""
    for _ in range(_MOST_BOXES):
        if start + _BOX.size > end:
            return
        file.seek(start)
        head = file.read(_BOX.size + _LONG.size)
        if len(head) < _BOX.size:
            return
        length, kind = _BOX.unpack_from(head)
        body = start + _BOX.size
        if length == 1 and len(head) == _BOX.size + _LONG.size:
            (length,) = _LONG.unpack_from(head, _BOX.size)
            body += _LONG.size
        if length == 0:  # up to the end of the file
            length = end - start
        if length < body - start:
            return
        yield Box(kind, body, start + length)
        start += length


def is_turned(path: str, track: int) -> bool:
    """Whether a track is shown turned by a quarter, so that its width is its height.

    Args:
        path: Of the file.
        track: The track's number.

    Raises:
        OSError: If the file can't be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - a name as ms-swift has it
        end = file.seek(0, 2)
        movie = next((box for box in boxes(file, 0, end) if box.kind == b"moov"), None)
        if movie is None:
            return False
        inside = list(boxes(file, movie.start, movie.end))
        whole = [_matrix(file, box, 2)[1] for box in inside if box.kind == b"mvhd"]
        for box in inside:
            for header in boxes(file, box.start, box.end) if box.kind == b"trak" else ():
                if header.kind == b"tkhd":
                    number, matrix = _matrix(file, header, 1)
                    if number == track and matrix is not None:
                        return _quarter(_product(matrix, whole[0]) if whole else matrix)
    return False


_Matrix = tuple[int, ...]


def _matrix(file: IO[bytes], box: Box, place: int) -> tuple[int, _Matrix | None]:
    """Number of the track, and the matrix of a header; None if the header is short."""
    file.seek(box.start)
    body = file.read(100)
    if not body or body[0] >= len(_PLACES):
        return 0, None
    places = _PLACES[body[0]]
    if len(body) < places[place] + _MATRIX.size:
        return 0, None
    return _NUMBER.unpack_from(body, places[0])[0], _MATRIX.unpack_from(body, places[place])


def _product(track: _Matrix, movie: _Matrix | None) -> _Matrix:
    if movie is None:
        return track
    return tuple(
        sum(track[3 * row + k] * movie[3 * k + column] >> _SHIFTS[k] for k in range(3))
        for row in range(3)
        for column in range(3)
    )


def _quarter(matrix: _Matrix) -> bool:
    """Within a degree, as players see it."""
    wide, high = math.hypot(matrix[0], matrix[3]), math.hypot(matrix[1], matrix[4])
    if not wide or not high:
        return False
    degrees = math.degrees(math.atan2(matrix[1] / high, matrix[0] / wide)) % 360
    return any(abs(degrees - quarter) < 1 for quarter in _QUARTERS)
