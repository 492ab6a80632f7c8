"""`vlft tokens`: how pictures and videos become tokens, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from vlft.cli.options import FormatOption, SetOption, parse_pixels, require_config
from vlft.errors import UsageError
from vlft.output import console

if TYPE_CHECKING:
    from vlft.data.media.video import VideoReader
    from vlft.data.tokens.rows import TokenModel
    from vlft.models import PixelLimits

_ROWS = (
    "JSON lines of width, height and optional min_pixels, max_pixels, max_num: limits of a "
    "row, which are not cut to whole tokens."
)


def tokens(
    pictures: Annotated[
        list[str] | None,
        Argument(metavar="[IMAGE|VIDEO|WxH]...", help="Files, or sizes like 336x500."),
    ] = None,
    model: Annotated[
        str | None, Option(metavar="M", help="A model folder, a hub id, or a family.")
    ] = None,
    max_pixels: Annotated[
        str | None, Option(metavar="N", help="As `pixels.max`: 1024*28*28.")
    ] = None,
    min_pixels: Annotated[str | None, Option(metavar="N", help="As `pixels.min`.")] = None,
    max_num: Annotated[
        int | None, Option(metavar="N", min=1, help="Most tiles, as `pixels.tiles`.")
    ] = None,
    config: Annotated[
        Path | None, Option(metavar="CONFIG", help="Model and limits of a config.")
    ] = None,
    overrides: SetOption = None,
    rows: Annotated[Path | None, Option("--from", metavar="FILE", help=_ROWS)] = None,
    output_format: FormatOption = "text",
) -> None:
    """Say how pictures and videos become tokens, and how many."""
    from vlft.data.media.video import video_reader
    from vlft.data.tokens.pictures import as_json, as_text, count, of_lines, of_words
    from vlft.data.tokens.rows import find_model
    from vlft.environment import ENVIRON
    from vlft.models import limits_from

    if not pictures and rows is None:
        raise UsageError("no picture is named", "name picture files, or sizes like 336x500")
    require_config(config, overrides)
    if config is not None:
        found, limits, reader = _of_config(config, overrides or [], model)
    elif model is None:
        raise UsageError("no model is named", "write --model qwen2_vl")
    else:
        found, limits = find_model(model), limits_from(ENVIRON)
        reader = video_reader(found.family.swift_model_type, ENVIRON, None)
    limits = _asked(limits, found, min_pixels, max_pixels, max_num)
    asked = [*of_words(pictures or [], reader), *(of_lines(rows) if rows else ())]
    vision = found.vision
    counted = [count(one, vision, limits) for one in asked]
    if output_format == "json":
        console.write_json([as_json(one, vision) for one in counted], indent=None)
    else:
        console.write(as_text(counted, found.family.title, vision))
    raise typer.Exit(1 if any(one.unread for one in asked) else 0)


def _of_config(
    config: Path, overrides: list[str], model: str | None
) -> tuple[TokenModel, PixelLimits, VideoReader]:
    """Model, limits and reader of a config; `--model` goes before the config's."""
    from vlft.data.from_config import video_reader_of
    from vlft.data.tokens.rows import find_model
    from vlft.pipeline import require_run

    run = require_run(config, overrides)
    found = find_model(model or run.model.argument)
    return found, run.limits.pixels, video_reader_of(run)


def _asked(
    limits: PixelLimits, model: TokenModel, low: str | None, high: str | None, tiles: int | None
) -> PixelLimits:
    """With the limits of the command line, each in place of what was there.

    Raises:
        UsageError: If a limit has no effect on the model, or is no number.
    """
    from msgspec.structs import replace

    family = model.family
    if model.vision.side is None and (low or high):
        raise UsageError(
            "--max-pixels and --min-pixels have no effect on InternVL", family.pixel_hint
        )
    if tiles and "tiles" not in family.pixel_variables:
        raise UsageError(f"--max-num has no effect on {family.title}", family.pixel_hint)
    if low is not None:
        pixels = parse_pixels("--min-pixels", low)
        limits = replace(limits, min_pixels=pixels, min_tokens=None)
    if high is not None:
        pixels = parse_pixels("--max-pixels", high)
        limits = replace(limits, max_pixels=pixels, max_tokens=None)
    return replace(limits, max_num=tiles) if tiles else limits
