"""Dynamic resolution: an image of any size becomes squares of patches, four of them a token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vlft.models.limits import RESIZE_VARIABLES, frame_pixels, image_pixels, token_limits
from vlft.models.smart_resize import (
    hf_smart_resize,
    qwen_vl_utils_smart_resize,
    swift_rescale,
)
from vlft.models.video_sampling import (
    asked_size,
    frame_range,
    frame_size,
    frames_taken,
    middle_seconds,
    run_pixels,
    taken_frames,
)
from vlft.models.vision import ImageTokens, SizeError, VideoFile, VideoTokens

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vlft.models.limits import PixelLimits, TokenLimits

_MERGE = 2
"""Patches that a token is wide and high."""
_START, _END = "<|vision_start|>", "<|vision_end|>"


@dataclass(frozen=True)
class DynamicResolution:
    """Images of any size; `Vision` says what the methods do.

    Attributes:
        patch: Side of a patch in pixels.
        hf_min_pixels: Least pixels of an image for transformers' processor.
        hf_max_pixels: Most pixels of an image for transformers' processor.
        stamps: Whether each step of a video has its second written before it (Qwen3-VL).
    """

    patch: int
    hf_min_pixels: int
    hf_max_pixels: int
    stamps: bool = False

    @property
    def image_prompt(self) -> tuple[str, str]:
        """Texts around the placeholders of an image."""
        return _START, _END

    @property
    def side(self) -> int:
        """Side of a token's square in pixels."""
        return self.patch * _MERGE

    @property
    def variables(self) -> frozenset[str]:
        """Those that qwen_vl_utils reads."""
        return RESIZE_VARIABLES

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
            return ImageTokens(
                width, height, hf_tokens=hf_tokens, steps=tuple(steps), error=str(error)
            )
        tokens = rows * columns // _MERGE**2
        limits_text = f"{int(low)} to {int(high)}"
        steps += [
            f"resized to {_times(resized)}: multiples of {self.side}, {limits_text} pixels",
            f"1×{rows}×{columns} patches of {self.patch}×{self.patch} pixels",
            f"{tokens} tokens, one for {_MERGE}×{_MERGE} patches",
            f"{_START} + {tokens} × <|image_pad|> + {_END}: {tokens + 2} tokens of the row",
        ]
        return ImageTokens(
            width,
            height,
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
            size = frame_size(file.height, file.width, count, self.patch, limits)
            return self._video(size, taken_frames(first, last, count), file.fps)
        except SizeError as error:
            return VideoTokens(error=str(error))

    def video_steps(self, file: VideoFile, limits: PixelLimits) -> tuple[str, ...]:
        """The way of a video file."""
        made, factor = self.video(file, limits), self.patch * limits.spatial_merge
        pixels = frame_pixels(factor, self.patch, max(made.frames, 1), limits)
        return _video_steps(file, limits, made, self.side, pixels)

    def frame_list(self, sizes: Sequence[tuple[int, int]], limits: PixelLimits) -> VideoTokens:
        """A list of pictures as a video.

        qwen_vl_utils resizes each as an image whose patch is as large as a token, then all of
        them as frames.
        """
        patch = self.patch * limits.spatial_merge
        try:
            shapes = {self._resized(height, width, limits, patch) for width, height in sizes}
            count = -(-len(sizes) // limits.frame_factor) * limits.frame_factor
            size = frame_size(*_only(shapes), count, self.patch, limits)
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

    def _pixels(self, limits: PixelLimits, patch: int | None = None) -> tuple[float, float]:
        """Least and most pixels of an image."""
        factor = (patch or self.patch) * limits.spatial_merge
        if asked_size(limits) is not None:
            return run_pixels(factor, self.patch, limits)
        return image_pixels(factor, self.patch, limits)

    def _resized(
        self, height: int, width: int, limits: PixelLimits, patch: int | None = None
    ) -> tuple[int, int]:
        """What fetch_image of qwen_vl_utils makes of a picture."""
        factor = (patch or self.patch) * limits.spatial_merge
        low, high = self._pixels(limits, patch)
        height, width = asked_size(limits) or (height, width)
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


def _video_steps(
    file: VideoFile,
    limits: PixelLimits,
    made: VideoTokens,
    square: int,
    pixels: tuple[float, float],
) -> tuple[str, ...]:
    """The steps from a video file to tokens, a line each.

    Args:
        file: The video.
        limits: Of the run and the row.
        made: What it comes to.
        square: Side of a token in pixels.
        pixels: Least and most of a frame.
    """
    if made.error is not None or made.resized is None or made.grid_thw is None:
        return ()
    (height, width), (steps, rows, columns) = made.resized, made.grid_thw
    fps = limits.fps if limits.row.fps is None else limits.row.fps
    asked = f"{fps:g} a second, {limits.fps_min_frames} to {limits.fps_max_frames}"
    if limits.row.nframes is not None:
        asked = f"the row asks for {limits.row.nframes:g}"
    start, end = made.around
    each = made.tokens // steps
    allowed = f"multiples of {square}, {int(pixels[0])} to {int(pixels[1])} pixels"
    asked += f", a multiple of {limits.frame_factor}"
    lines = [
        f"frames taken: {made.frames} of {file.frames}: {asked}",
        f"each resized to {width}×{height}: {allowed}",
        f"{steps}×{rows}×{columns} patches, those of two frames together",
        f"{made.tokens} tokens, one for 2×2 patches: {steps} steps in time of {each}",
    ]
    if len(made.parts) > len((start, 0, end)):
        stamp = str(made.parts[1]).removesuffix(start)
        lines.append(
            f"{start} + {steps} times a time such as {stamp} and {start} + {each} × <|video_pad|> "
            f"+ {end} + {end}"
        )
    else:
        lines.append(
            f"{start} + {made.tokens} × <|video_pad|> + {end}: {made.tokens + 2} tokens of the row"
        )
    return tuple(lines)
