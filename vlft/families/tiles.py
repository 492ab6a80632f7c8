"""Pictures cut into tiles: which grid fits best (InternVL)."""

from __future__ import annotations

from functools import lru_cache


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
