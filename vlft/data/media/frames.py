"""Frames, rate and size of an open video, as three readers have them; no frame is decoded.

decord 0.6 is built on FFmpeg 4.1: it asks the header for a number of frames, or for a rate and a
duration, then counts the packets of the track. So a header that counts wrongly does no harm, and
one that says nothing does. transformers believes the header alone, torchcodec the packets alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vlft.data.media.problems import (
    broken_video,
    narrow,
    no_length,
    no_track,
    other_codec,
    uncounted,
    unjudged_video,
)
from vlft.data.media.video import is_turned
from vlft.models.vision import VideoFile

if TYPE_CHECKING:
    from vlft.data.media.picture import MediaProblem
    from vlft.data.media.video import Container

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
        raise RefusedError(other_codec(name, codec.canonical_name))
    told = stream.frames or _frames_of_duration(rate, file.duration)
    if told < 1 or not rate:
        raise RefusedError(no_length(name))
    frames, hidden = _packets(file, stream, container)
    if context is None or not context.width or not context.height or hidden == frames:
        raise RefusedError(broken_video(name, "no frame of it is shown"))
    width, height = context.width, context.height
    if _is_turned(stream, path, container):
        width, height = height, width
    channels = _channels(width)
    if alone and channels == _WITH_ALPHA:
        why = f"it is {width} pixels wide, of which decord 0.6 makes other pictures"
        raise RefusedError(unjudged_video(name, why))
    if channels > _COLOURS:
        raise RefusedError(narrow(name, width))
    return VideoFile(frames, rate.numerator / rate.denominator, width, height)


def as_transformers(file: Any, name: str, container: Container) -> VideoFile:
    """What its load_video makes of it: all frames, as they are stored.

    Source: transformers/video_utils.py: read_video_pyav. The arguments are those of `as_decord`.

    Raises:
        RefusedError: If it fails.
    """
    if not file.streams.video:
        raise RefusedError(no_track(name))
    stream = file.streams.video[0]
    rate, context = stream.average_rate, stream.codec_context
    if stream.frames < 1:
        raise RefusedError(uncounted(name))
    packets, hidden = _packets(file, stream, container)
    frames = min(stream.frames, packets - hidden)
    if not rate or frames < 1 or context is None:
        raise RefusedError(broken_video(name, "no frame of it is shown"))
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
        raise RefusedError(unjudged_video(name, "releases of torchcodec differ in turning it"))
    frames, context = 0, stream.codec_context
    first, end = math.inf, -math.inf
    for packet in file.demux(stream):
        if not packet.size or packet.is_discard:
            continue
        if packet.pts is None:
            raise RefusedError(unjudged_video(name, "not all of its frames have a time"))
        frames += 1
        first = min(first, packet.pts)
        end = max(end, packet.pts + (packet.duration or 0))
    if not frames or context is None or not context.width or not context.height:
        raise RefusedError(broken_video(name, "no frame of it is shown"))
    unit, rate = stream.time_base, stream.average_rate
    seconds = end * unit.numerator / unit.denominator - first * unit.numerator / unit.denominator
    if not seconds and not rate:
        raise RefusedError(broken_video(name, "it takes no time"))
    fps = frames / seconds if seconds else rate.numerator / rate.denominator
    return VideoFile(frames, fps, context.width, context.height)


def _only_track(file: Any, name: str, container: Container, held: frozenset[Container]) -> Any:
    tracks = [one for one in file.streams.video if not _is_cover(one.disposition)]
    if not tracks:
        raise RefusedError(no_track(name))
    if container not in held:
        raise RefusedError(unjudged_video(name, f"it is {file.format.long_name}"))
    if len(tracks) > 1:
        raise RefusedError(unjudged_video(name, f"it has {len(tracks)} tracks of pictures"))
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
