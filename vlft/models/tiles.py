"""Dynamic tiling: an image is cut into tiles, each the same number of tokens."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from vlft.models.limits import TILE_VARIABLES, PixelLimits
from vlft.models.smart_resize import swift_rescale
from vlft.models.vision import ImageTokens, SizeError, VideoFile, VideoTokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_START, _END = "<img>", "</img>\n"
PATCH, SHUFFLE = 14, 0.5
"""Side of a patch; what the pixel shuffle leaves of each side."""


class DynamicTiling(Struct, frozen=True):
    """Pictures cut into tiles; `Vision` says what the methods do.

    Attributes:
        native: Whether the code is inside the checkpoint: ms-swift then cuts the tiles itself,
            by MAX_NUM and INPUT_SIZE, else transformers' processor does.
        tile: Side of a tile in pixels; native goes by INPUT_SIZE first.
        tile_tokens: Tokens of a tile; native goes by its side.
        most: Most tiles of a picture; native goes by MAX_NUM.
        side: A token has no square of its own: tiles are resized as a whole.
        image_prompt: Texts around the placeholders of an image.
    """

    native: bool
    tile: int = 448
    tile_tokens: int = 256
    most: int = 12
    side: None = None
    image_prompt: tuple[str, str] = (_START, _END)

    @property
    def variables(self) -> frozenset[str]:
        """Those of the native form: transformers' processor reads none."""
        return TILE_VARIABLES if self.native else frozenset()

    def token_limits(self, limits: PixelLimits) -> None:
        """Tiles have none."""

    def image_pixels(self, limits: PixelLimits) -> None:
        """Tiles have no limit in pixels."""

    def of_checkpoint(self, settings: Mapping[str, Any]) -> DynamicTiling:
        """With the tiles of the checkpoint.

        ms-swift's code does not read those of the native form: vlft sets INPUT_SIZE by them.
        """
        if self.native:
            return replace(self, tile=tile_side(settings) or self.tile)
        size = settings.get("size")
        side = size.get("height") if isinstance(size, dict) else size
        tokens, most = settings.get("image_seq_length"), settings.get("max_patches")
        return replace(
            self,
            tile=side if isinstance(side, int) else self.tile,
            tile_tokens=tokens if isinstance(tokens, int) else self.tile_tokens,
            most=most if isinstance(most, int) else self.most,
        )

    def image_tokens(self, width: int, height: int, limits: PixelLimits) -> int:
        """Placeholders of a picture."""
        side, each = self._tile(limits)
        shrunk = swift_rescale(height, width, _rescale(limits))
        grid = best_grid(shrunk[1], shrunk[0], self._most(limits), side)
        return tiles_of(grid) * each

    def image(self, width: int, height: int, limits: PixelLimits) -> ImageTokens:
        """A picture with all steps."""
        side, each = self._tile(limits)
        most, first = self._most(limits), _rescale(limits)
        hf_tokens = tiles_of(best_grid(width, height, most, side)) * each
        try:
            shrunk = swift_rescale(height, width, first)
        except SizeError as error:
            return ImageTokens(hf_tokens=hf_tokens, error=str(error))
        columns, rows = grid = best_grid(shrunk[1], shrunk[0], most, side)
        tiles = tiles_of(grid)
        tokens = tiles * each
        steps = []
        if shrunk != (height, width):
            steps.append(f"max_pixels {first:g} shrinks it to {shrunk[1]}×{shrunk[0]}")
        steps += [
            f"{columns}×{rows} tiles are nearest to its shape, of at most {most}",
            f"resized to {columns * side}×{rows * side}, tiles of {side}×{side} pixels",
            f"{tiles} tiles" + (", the whole picture as one more" if tiles > 1 else ""),
            f"{tokens} tokens, {each} a tile",
            f"{_START} + {tokens} × <IMG_CONTEXT> + </img>: {tokens + 2} tokens, and a new line",
        ]
        return ImageTokens(
            (rows * side, columns * side),
            tiles=tiles,
            grid=grid,
            tokens=tokens,
            hf_tokens=hf_tokens,
            steps=tuple(steps),
        )

    def video(self, file: VideoFile, limits: PixelLimits) -> VideoTokens:
        """A video file. Native takes VIDEO_SEGMENTS frames, `-hf` all of them."""
        if file.frames <= 0:
            return VideoTokens(error="a video without frames")
        count = limits.video_segments if self.native else file.frames
        return self.frame_list([(file.width, file.height)] * count, limits)

    def video_steps(self, file: VideoFile, limits: PixelLimits) -> tuple[str, ...]:
        """The way of a video file."""
        made, each = self.video(file, limits), self._tile(limits)[1]
        if made.error is not None or made.resized is None:
            return ()
        height, width = made.resized
        tiles = made.tokens // (each * made.frames)
        if self.native:
            most = limits.video_max_num
            taken = f"frames taken: {made.frames} (VIDEO_SEGMENTS), evenly from {file.frames}"
            cut = f"tiles of {width}×{height} pixels a frame: {tiles}, at most {most}"
            cut += " (VIDEO_MAX_NUM)" if tiles <= most else " and the whole"
        else:
            taken = f"frames taken: all {file.frames}, for transformers leaves none out"
            cut = f"one tile of {width}×{height} pixels a frame"
        return (
            taken,
            cut,
            f"{made.tokens} tokens, {each} a tile",
            f"Frame1: <img> + {tiles * each} × <IMG_CONTEXT> + </img> and a new line, and so on",
        )

    def frame_list(self, sizes: Sequence[tuple[int, int]], limits: PixelLimits) -> VideoTokens:
        """Frames, each with its number before it.

        Native cuts a frame by VIDEO_MAX_NUM, `-hf` takes each as one tile.
        """
        side, each = self._tile(limits)
        most = limits.video_max_num if self.native else 1
        counts = [tiles_of(best_grid(*size, most, side)) * each for size in sizes]
        parts: list[str | int] = []
        for number, count in enumerate(counts, 1):
            parts += [f"Frame{number}: {_START}", count, _END]
        return VideoTokens(len(sizes), (side, side), None, sum(counts), tuple(parts))

    def _tile(self, limits: PixelLimits) -> tuple[int, int]:
        """Side and tokens of a tile."""
        if not self.native:
            return self.tile, self.tile_tokens
        side = limits.input_size or self.tile
        return side, int((side // PATCH) ** 2 * SHUFFLE**2)

    def _most(self, limits: PixelLimits) -> int:
        """Most tiles of a picture: the fewer of a frame where the row has a video."""
        if limits.row.max_num is not None:
            return limits.row.max_num
        if not self.native:
            return self.most
        return limits.video_max_num if limits.row.has_video else limits.max_num


def tile_side(config: Mapping[str, Any]) -> int | None:
    """Side of a tile that a native checkpoint was trained on, in pixels; None if not said."""
    vision = config.get("vision_config")
    own = vision.get("image_size") if isinstance(vision, dict) else None
    side = config.get("force_image_size") or own
    return side if isinstance(side, int) and not isinstance(side, bool) and side > 0 else None


def _rescale(limits: PixelLimits) -> float | None:
    """What a picture is shrunk to first: the row's limit, else `--max_pixels`."""
    return limits.rescale if limits.row.max_pixels is None else limits.row.max_pixels


@lru_cache(maxsize=64)
def tile_grids(most: int) -> tuple[tuple[int, int, float], ...]:
    """All (columns, rows, columns ÷ rows) of at most so many tiles, the fewest tiles first."""
    grids = {
        (columns, rows) for columns in range(1, most + 1) for rows in range(1, most // columns + 1)
    }
    return tuple(
        (columns, rows, columns / rows)
        for columns, rows in sorted(grids, key=lambda grid: (grid[0] * grid[1], grid))
    )


def best_grid(width: int, height: int, most: int, side: int) -> tuple[int, int]:
    """Columns and rows of tiles for a picture.

    The ratio that is nearest to the picture's; of several as near, the last that covers less
    than twice the picture. transformers (models/got_ocr2: get_optimal_tiled_canvas) and
    ms-swift (template/vision_utils.py: _dynamic_preprocess) agree on it.

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        most: Most tiles.
        side: Of a tile, in pixels.
    """
    ratio, area = width / height, width * height
    best, nearest = (1, 1), float("inf")
    for columns, rows, grid_ratio in tile_grids(most):
        distance = abs(ratio - grid_ratio)
        if distance < nearest or (
            distance == nearest and area > 0.5 * side * side * columns * rows
        ):
            best, nearest = (columns, rows), distance
    return best


def tiles_of(grid: tuple[int, int]) -> int:
    """Tiles of a grid: one more, of the whole picture, where it is cut at all."""
    count = grid[0] * grid[1]
    return count + 1 if count > 1 else 1
