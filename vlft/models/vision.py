"""What every way of making tokens of pictures and videos has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.models.limits import PixelLimits, TokenLimits


class SizeError(ValueError):
    """A picture or video that ms-swift fails on; its row is then replaced by another one."""


class ImageTokens(Struct, frozen=True):
    """A picture on its way to tokens.

    Attributes:
        resized: Height and width after ms-swift's resize; of all tiles together for InternVL.
        grid_thw: Patches in time, height and width; None for InternVL.
        tiles: Tiles, the thumbnail among them; None for Qwen-VL.
        grid: Columns and rows of tiles; None for Qwen-VL.
        tokens: Placeholders that ms-swift makes of it; None if it fails.
        hf_tokens: What the processor of transformers makes of it by itself, under the same
            limits; None if it fails.
        steps: The way, a line a step.
        error: What ms-swift fails with; None if it does not.
    """

    resized: tuple[int, int] | None = None
    grid_thw: tuple[int, int, int] | None = None
    tiles: int | None = None
    grid: tuple[int, int] | None = None
    tokens: int | None = None
    hf_tokens: int | None = None
    steps: tuple[str, ...] = ()
    error: str | None = None


class VideoTokens(Struct, frozen=True):
    """A video on its way to tokens.

    Attributes:
        frames: Frames that are taken.
        resized: Height and width of a frame.
        grid_thw: Patches in time, height and width; None for InternVL.
        tokens: Placeholders of all frames together; 0 if it fails.
        parts: The prompt in order: a text, or a number of placeholders.
        error: What ms-swift fails with; None if it does not.
    """

    frames: int = 0
    resized: tuple[int, int] | None = None
    grid_thw: tuple[int, int, int] | None = None
    tokens: int = 0
    parts: tuple[str | int, ...] = ()
    error: str | None = None


class VideoFile(Struct, frozen=True):
    """What a video file says of itself.

    Attributes:
        frames: All frames.
        fps: Frames a second, on average.
        width: In pixels.
        height: In pixels.
    """

    frames: int
    fps: float
    width: int
    height: int


class Vision(Protocol):
    """How a family makes tokens of pictures."""

    @property
    def image_prompt(self) -> tuple[str, str]:
        """What stands in the prompt around an image's placeholders: before, after."""

    @property
    def side(self) -> int | None:
        """Side of a token's square in pixels; None for a family that cuts tiles."""

    @property
    def variables(self) -> frozenset[str]:
        """Environment variables that limit its pictures and videos."""

    def token_limits(self, limits: PixelLimits) -> TokenLimits | None:
        """The limits of a run in whole tokens; None for a family that cuts tiles."""

    def image_pixels(self, limits: PixelLimits) -> tuple[int, int] | None:
        """Least and most pixels of an image; None for a family without such limits."""

    def of_checkpoint(self, settings: Mapping[str, Any]) -> Vision:
        """The same for one model.

        Args:
            settings: Its image processor's settings, and config.json for what they lack.
        """

    def image_tokens(self, width: int, height: int, limits: PixelLimits) -> int:
        """Placeholders of a picture of so many pixels: the short way, a few microseconds.

        Raises:
            SizeError: If ms-swift fails on it.
        """

    def image(self, width: int, height: int, limits: PixelLimits) -> ImageTokens:
        """The same with all steps; never raises for a size."""

    def video(self, file: VideoFile, limits: PixelLimits) -> VideoTokens:
        """A video file; never raises for a size."""

    def video_steps(self, file: VideoFile, limits: PixelLimits) -> tuple[str, ...]:
        """The way of a video file, a line a step; none where it fails."""

    def frame_list(self, sizes: Sequence[tuple[int, int]], limits: PixelLimits) -> VideoTokens:
        """A video given as a list of pictures, each of (width, height) pixels."""
