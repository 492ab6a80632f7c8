"""Dynamic resolution: an image of any size becomes squares of patches, four of them a token.

And which frames of a video qwen_vl_utils takes, how large they are, and when they were.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from vlft.models.limits import (
    RESIZE_VARIABLES,
    Number,
    PixelLimits,
    RowLimits,
    TokenLimits,
    frame_pixels,
    image_pixels,
    token_limits,
)
from vlft.models.smart_resize import (
    hf_smart_resize,
    qwen_vl_utils_smart_resize,
    swift_rescale,
)
from vlft.models.vision import ImageTokens, SizeError, VideoFile, VideoTokens

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


_MERGE = 2
"""Patches that a token is wide and high."""
_START, _END = "<|vision_start|>", "<|vision_end|>"


class DynamicResolution(Struct, frozen=True):
    """Images of any size; `Vision` says what the methods do.

    Attributes:
        patch: Side of a patch in pixels.
        hf_min_pixels: Least pixels of an image for transformers' processor.
        hf_max_pixels: Most pixels of an image for transformers' processor.
        stamps: Whether each step of a video has its second written before it (Qwen3-VL).
        variables: Those that qwen_vl_utils reads.
        image_prompt: Texts around the placeholders of an image.
    """

    patch: int
    hf_min_pixels: int
    hf_max_pixels: int
    stamps: bool = False
    variables: frozenset[str] = RESIZE_VARIABLES
    image_prompt: tuple[str, str] = (_START, _END)

    @property
    def side(self) -> int:
        """Side of a token's square in pixels."""
        return self.patch * _MERGE

    def token_limits(self, limits: PixelLimits) -> TokenLimits:
        """As qwen_vl_utils has them after ms-swift's patches."""
        return token_limits(self.patch, limits)

    def image_pixels(self, limits: PixelLimits) -> tuple[int, int]:
        """Least and most pixels of an image, in whole tokens as ms-swift counts them."""
        low, high = image_pixels(self.patch * limits.spatial_merge, self.patch, limits)
        return int(low), int(high)

    def of_checkpoint(self, settings: Mapping[str, Any]) -> DynamicResolution:
        """With the limits of the checkpoint's own image processor."""
        size = settings.get("size")
        size = size if isinstance(size, dict) else {}
        low = settings.get("min_pixels", size.get("shortest_edge"))
        high = settings.get("max_pixels", size.get("longest_edge"))
        return replace(
            self,
            hf_min_pixels=low if isinstance(low, int) else self.hf_min_pixels,
            hf_max_pixels=high if isinstance(high, int) else self.hf_max_pixels,
        )

    def image_tokens(self, width: int, height: int, limits: PixelLimits) -> int:
        """Placeholders of a picture."""
        resized = self._resized(*swift_rescale(height, width, limits.rescale), limits)
        rows, columns = self._patches(resized)
        return rows * columns // _MERGE**2

    def image(self, width: int, height: int, limits: PixelLimits) -> ImageTokens:
        """A picture with all steps."""
        hf_tokens = self._hf_tokens(width, height, limits)
        steps: list[str] = []
        try:
            shrunk = swift_rescale(height, width, limits.rescale)
            if shrunk != (height, width):
                steps.append(f"--max_pixels {limits.rescale} shrinks it to {_times(shrunk)}")
            low, high = self._pixels(limits)
            resized = self._resized(*shrunk, limits)
            rows, columns = self._patches(resized)
        except SizeError as error:
            return ImageTokens(hf_tokens=hf_tokens, steps=tuple(steps), error=str(error))
        tokens = rows * columns // _MERGE**2
        limits_text = f"{int(low)} to {int(high)}"
        steps += [
            f"resized to {_times(resized)}: multiples of {self.side}, {limits_text} pixels",
            f"1×{rows}×{columns} patches of {self.patch}×{self.patch} pixels",
            f"{tokens} tokens, one for {_MERGE}×{_MERGE} patches",
            f"{_START} + {tokens} × <|image_pad|> + {_END}: {tokens + 2} tokens of the row",
        ]
        return ImageTokens(
            resized,
            (1, rows, columns),
            tokens=tokens,
            hf_tokens=hf_tokens,
            steps=tuple(steps),
        )

    def video(self, file: VideoFile, limits: PixelLimits) -> VideoTokens:
        """A video file."""
        try:
            first, last = frame_range(file, limits)
            count = frames_taken(last - first + 1, file.fps, limits)
            size = self._resized(file.height, file.width, limits, frames=count)
            return self._video(size, taken_frames(first, last, count), file.fps)
        except SizeError as error:
            return VideoTokens(error=str(error))

    def video_steps(self, file: VideoFile, limits: PixelLimits) -> tuple[str, ...]:
        """The way of a video file."""
        made = self.video(file, limits)
        if made.error is not None or made.resized is None or made.grid_thw is None:
            return ()
        (height, width), (steps, rows, columns) = made.resized, made.grid_thw
        fps = limits.fps if limits.row.fps is None else limits.row.fps
        asked = f"{fps:g} a second, {limits.fps_min_frames} to {limits.fps_max_frames}"
        if limits.row.nframes is not None:
            asked = f"the row asks for {limits.row.nframes:g}"
        asked += f", a multiple of {limits.frame_factor}"
        factor = self.patch * limits.spatial_merge
        low, high = frame_pixels(factor, self.patch, made.frames, limits)
        each = made.tokens // steps
        allowed = f"multiples of {self.side}, {int(low)} to {int(high)} pixels"
        lines = [
            f"frames taken: {made.frames} of {file.frames}: {asked}",
            f"each resized to {width}×{height}: {allowed}",
            f"{steps}×{rows}×{columns} patches, those of two frames together",
            f"{made.tokens} tokens, one for 2×2 patches: {steps} steps in time of {each}",
        ]
        if self.stamps:
            stamp = str(made.parts[1]).removesuffix(_START)
            lines.append(
                f"{_START} + {steps} times a time such as {stamp} and {_START} + {each} × "
                f"<|video_pad|> + {_END} + {_END}"
            )
        else:
            lines.append(
                f"{_START} + {made.tokens} × <|video_pad|> + {_END}: {made.tokens + 2} tokens of "
                "the row"
            )
        return tuple(lines)

    def frame_list(self, sizes: Sequence[tuple[int, int]], limits: PixelLimits) -> VideoTokens:
        """A list of pictures as a video.

        qwen_vl_utils resizes each as an image whose patch is as large as a token, then all of
        them as frames.
        """
        factor = self.patch * limits.spatial_merge**2
        try:
            shapes = {self._resized(height, width, limits, factor) for width, height in sizes}
            count = -(-len(sizes) // limits.frame_factor) * limits.frame_factor
            size = self._resized(*_only(shapes), limits, frames=count)
            return self._video(size, range(count), limits.fps)
        except SizeError as error:
            return VideoTokens(error=str(error))

    def _video(self, size: tuple[int, int], taken: Sequence[int], fps: float) -> VideoTokens:
        rows, columns = self._patches(size)
        steps, each = -(-len(taken) // 2), rows * columns // _MERGE**2
        parts: tuple[str | int, ...] = (steps * each,)
        if self.stamps:
            # Inside the pair of the whole video, each step has a pair of its own.
            parts = tuple(
                part
                for second in middle_seconds(taken, fps)
                for part in (f"<{second:.1f} seconds>{_START}", each, _END)
            )
        parts = (_START, *parts, _END)
        return VideoTokens(len(taken), size, (steps, rows, columns), steps * each, parts)

    def _pixels(
        self, limits: PixelLimits, factor: int | None = None, frames: int | None = None
    ) -> tuple[Number, Number]:
        """Least and most pixels of an image, or of each of so many frames."""
        factor = factor or self.patch * limits.spatial_merge
        if _asked_size(limits) is not None:  # then the row's other limits do not hold
            return image_pixels(factor, self.patch, replace(limits, row=RowLimits()))
        if frames is not None:
            return frame_pixels(factor, self.patch, frames, limits)
        return image_pixels(factor, self.patch, limits)

    def _resized(
        self,
        height: int,
        width: int,
        limits: PixelLimits,
        factor: int | None = None,
        frames: int | None = None,
    ) -> tuple[int, int]:
        """What fetch_image and fetch_video of qwen_vl_utils make of a picture or frame.

        Args:
            height: Of the picture.
            width: Of the picture.
            limits: Of the run and the row.
            factor: What both sides are a multiple of; None for a token's side.
            frames: How many frames of the same video there are; None for an image.
        """
        low, high = self._pixels(limits, factor, frames)
        factor = factor or self.patch * limits.spatial_merge
        height, width = _asked_size(limits) or (height, width)
        return qwen_vl_utils_smart_resize(height, width, factor, low, high, limits.max_ratio)

    def _patches(self, size: tuple[int, int]) -> tuple[int, int]:
        if size[0] % self.side or size[1] % self.side:
            raise SizeError(f"{_times(size)} is no multiple of {self.side}: SPATIAL_MERGE_SIZE")
        return size[0] // self.patch, size[1] // self.patch

    def _hf_tokens(self, width: int, height: int, limits: PixelLimits) -> int | None:
        """What transformers' processor makes of it under the same limits, never quantised."""
        tokens, row = token_limits(self.patch, limits), limits.row
        low = _first(row.min_pixels, limits.min_pixels)
        high = _first(row.max_pixels, limits.max_pixels)
        if low is None:
            given = limits.min_tokens is not None
            low = tokens.image_min * self.side**2 if given else self.hf_min_pixels
        if high is None:
            given = limits.max_tokens is not None
            high = tokens.image_max * self.side**2 if given else self.hf_max_pixels
        try:
            resized = hf_smart_resize(height, width, self.side, low, high)
        except SizeError:
            return None
        return resized[0] * resized[1] // self.side**2


def _only(shapes: Collection[tuple[int, int]]) -> tuple[int, int]:
    """The one size that all frames have.

    Raises:
        SizeError: If they have several, or there is no frame.
    """
    if len(shapes) != 1:
        raise SizeError(
            "frames of sizes " + ", ".join(map(_times, shapes)) if shapes else "no frame"
        )
    return next(iter(shapes))


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)


def _times(size: tuple[int, int]) -> str:
    """`336×504`, width first, as people say it."""
    return f"{size[1]}×{size[0]}"


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


def _asked_size(limits: PixelLimits) -> tuple[int, int] | None:
    """Height and width that the row asks for; None unless it gives both."""
    row = limits.row
    if row.resized_height is None or row.resized_width is None:
        return None
    return row.resized_height, row.resized_width


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
