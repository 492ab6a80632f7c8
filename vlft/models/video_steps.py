"""How a video becomes tokens, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.models.counts import VideoFile, VideoTokens
    from vlft.models.limits import PixelLimits


def qwen_steps(
    file: VideoFile,
    limits: PixelLimits,
    made: VideoTokens,
    square: int,
    pixels: tuple[float, float],
) -> tuple[str, ...]:
    """The way of a video of Qwen-VL, a line a step.

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


def tile_steps(
    file: VideoFile, limits: PixelLimits, made: VideoTokens, each: int, *, native: bool
) -> tuple[str, ...]:
    """The way of a video of InternVL, a line a step; `each` is the tokens of a tile."""
    if made.error is not None or made.resized is None:
        return ()
    height, width = made.resized
    tiles = made.tokens // (each * made.frames)
    if native:
        taken = f"frames taken: {made.frames} (VIDEO_SEGMENTS), evenly from {file.frames}"
        cut = f"tiles of {width}×{height} pixels a frame: {tiles}, at most {limits.video_max_num}"
        cut += " (VIDEO_MAX_NUM)" if tiles <= limits.video_max_num else " and the whole"
    else:
        taken = f"frames taken: all {file.frames}, for transformers leaves none out"
        cut = f"one tile of {width}×{height} pixels a frame"
    return (
        taken,
        cut,
        f"{made.tokens} tokens, {each} a tile",
        f"Frame1: <img> + {tiles * each} × <IMG_CONTEXT> + </img> and a new line, and so on",
    )
