"""Which frames of a video qwen_vl_utils takes, how large they are, and when they were."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from vlft.models.limits import RowLimits, frame_pixels, image_pixels
from vlft.models.smart_resize import qwen_vl_utils_smart_resize
from vlft.models.vision import SizeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.models.limits import PixelLimits
    from vlft.models.vision import VideoFile


def frame_range(file: VideoFile, limits: PixelLimits) -> tuple[int, int]:
    """First and last frame that are looked at (calculate_video_frame_range of qwen_vl_utils).

    Raises:
        SizeError: If the video is empty, or `video_start` is not before `video_end`.
    """
    frames, fps = file.frames, file.fps
    if fps <= 0 or frames <= 0:
        raise SizeError(f"a video of {frames} frames at {fps:g} a second")
    start, end = limits.row.video_start, limits.row.video_end
    seconds = frames / fps
    first, last = 0, frames - 1
    if start is not None:
        first = math.ceil(max(0.0, min(start, seconds)) * fps)
    if end is not None:
        last = min(math.floor(max(0.0, min(end, seconds)) * fps), last)
    if (start is not None or end is not None) and first >= last:
        raise SizeError(f"no two frames between {start or 0:g} s and {end or seconds:g} s")
    return first, last


def frames_taken(frames: int, fps: float, limits: PixelLimits) -> int:
    """How many of so many frames are taken (smart_nframes of qwen_vl_utils).

    Raises:
        SizeError: If the video is too short, or the row gives both fps and nframes.
    """
    row, factor = limits.row, limits.frame_factor
    if row.nframes is not None:
        if row.fps is not None:
            raise SizeError("the row gives both fps and nframes")
        taken = round(row.nframes / factor) * factor
    else:
        least = limits.fps_min_frames if row.min_frames is None else row.min_frames
        most = min(limits.fps_max_frames, frames) if row.max_frames is None else row.max_frames
        least = math.ceil(least / factor) * factor
        most = math.floor(most / factor) * factor
        wanted = frames / fps * (limits.fps if row.fps is None else row.fps)
        taken = math.floor(min(max(wanted, least), most, frames) / factor) * factor
    if not factor <= taken <= frames:
        raise SizeError(f"{taken} of {frames} frames would be taken; at least {factor} are needed")
    return taken


def frame_size(
    height: int, width: int, frames: int, patch: int, limits: PixelLimits
) -> tuple[int, int]:
    """Height and width that each of so many frames is resized to.

    Raises:
        SizeError: If qwen_vl_utils or the resize itself fails.
    """
    factor = patch * limits.spatial_merge
    asked = asked_size(limits)
    if asked is not None:
        low, high = run_pixels(factor, patch, limits)
        return qwen_vl_utils_smart_resize(*asked, factor, low, high, limits.max_ratio)
    low, high = frame_pixels(factor, patch, frames, limits)
    return qwen_vl_utils_smart_resize(height, width, factor, low, high, limits.max_ratio)


def asked_size(limits: PixelLimits) -> tuple[int, int] | None:
    """Height and width that the row asks for; None unless it gives both."""
    row = limits.row
    if row.resized_height is None or row.resized_width is None:
        return None
    return row.resized_height, row.resized_width


def run_pixels(factor: int, patch: int, limits: PixelLimits) -> tuple[float, float]:
    """The limits of an image without what the row says: they hold for `resized_height` too."""
    return image_pixels(factor, patch, replace(limits, row=RowLimits()))


def taken_frames(first: int, last: int, count: int) -> list[int]:
    """Which frames are taken: torch.linspace(first, last, count).round(), in 32-bit floats."""
    if count == 1:
        return [first]
    step = _single((last - first) / (count - 1))
    half = count // 2
    return [
        round(
            _single(first + _single(step * index))
            if index < half
            else _single(last - _single(step * (count - 1 - index)))
        )
        for index in range(count)
    ]


def middle_seconds(frames: Sequence[int], fps: float) -> list[float]:
    """The second of each pair of frames that become one step in time.

    From transformers/models/qwen3_vl/processing_qwen3_vl.py: _calculate_timestamps.
    """
    seconds = [frame / fps for frame in frames]
    if len(seconds) % 2:
        seconds.append(seconds[-1])
    return [(early + late) / 2 for early, late in zip(seconds[::2], seconds[1::2], strict=True)]


def _single(value: float) -> float:
    """The nearest 32-bit float."""
    return float(struct.unpack("f", struct.pack("f", value))[0])
