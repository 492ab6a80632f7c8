"""`vlft data stats`: lengths, pictures, and what a pixel limit would save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vlft.cli.options import (
    FormatOption,
    SetOption,
    parse_pixels,
    print_result,
    require_config,
    require_files,
)
from vlft.errors import UsageError, VlftError
from vlft.output import console

if TYPE_CHECKING:
    from vlft.data.statistics.statistics import StatsSettings
    from vlft.data.tokens.factory import TokenModel
    from vlft.data.tokens.rows import RowTokens

_FILES = "JSON lines or arrays, CSV, Parquet; path#N is all of it. Default: the config's."
_MODEL = "A model folder, for exact counts; or a hub id or family, for its pictures alone."
_LIMITS = "A limit to compare, again and again: 512*28*28, or tiles for InternVL."


def stats(
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE]...", help=_FILES)] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="M", help=_MODEL)] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="CONFIG", help="Model, limits and files of a config."),
    ] = None,
    overrides: SetOption = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", metavar="N", min=1, help="As `data.max_length`.")
    ] = None,
    max_pixels: Annotated[
        list[str] | None, typer.Option("--max-pixels", metavar="N", help=_LIMITS)
    ] = None,
    output_format: FormatOption = "text",
) -> None:
    """Say how long rows are, what their pictures cost, and what a limit would save."""
    from vlft.data.statistics.statistics import collect
    from vlft.output.console import progress

    require_config(config, overrides)
    settings, paths, title = _settings(files, model, config, overrides or [], max_pixels or [])
    if max_length is not None:
        from dataclasses import replace

        settings = replace(settings, max_length=max_length)
    require_files(paths)
    with progress(sum(path.stat().st_size for path in paths), "measuring") as advance:
        found = collect(paths, settings, advance)
    described = {"model": settings.model.family.swift_model_type, **found.to_json()}
    print_result(output_format, described, [found.to_text(title)])


def _settings(
    files: list[str] | None,
    model: str | None,
    config: Path | None,
    overrides: list[str],
    compared: list[str],
) -> tuple[StatsSettings, list[Path], str]:
    """What to count with, the files, and the heading of the table."""
    from vlft.data.from_config import stats_of_run
    from vlft.data.media.video import video_reader
    from vlft.data.statistics.measures import choices
    from vlft.data.statistics.statistics import StatsSettings
    from vlft.data.tokens.factory import find_model
    from vlft.environment import ENVIRON
    from vlft.models import DEFAULT_FAMILY, limits_from
    from vlft.probe.data_entries import parse_entry

    values = [parse_pixels("--max-pixels", text) for text in compared]
    paths = [
        entry.path or Path(entry.text)
        for text in files or ()
        for entry in (parse_entry(text, Path()),)  # shown as they are given
    ]
    if config is not None:
        from vlft.pipeline import require_run

        run = require_run(config, overrides)
        settings = stats_of_run(run, find_model(model) if model else None, values)
        paths = paths or [entry.path for entry in run.facts.train if entry.path]
    else:
        found = find_model(model or DEFAULT_FAMILY.swift_model_type)
        root = ENVIRON.get("ROOT_IMAGE_DIR")
        settings = StatsSettings(
            found,
            _row_tokens(found, model),
            choices(found, limits_from(ENVIRON), values),
            None,
            Path.cwd(),
            None if root is None else Path(root),
            video_reader(found.family.swift_model_type, ENVIRON, None),
        )
    if not paths:
        raise UsageError("no file is named", "name JSON lines files, or a config with --config")
    title = settings.model.family.title
    return settings, paths, title if model or config else f"as {title}"


def _row_tokens(found: TokenModel, name: str | None) -> RowTokens | None:
    """What counts whole rows; None without a tokenizer."""
    from vlft.data.tokens.factory import ChatSettings, open_row_tokens

    if name is None or not Path(name).is_dir():
        return None
    try:
        return open_row_tokens(found, Path(name), None, ChatSettings())
    except VlftError as error:
        console.note(f"vlft: text tokens are not counted: {error.message}")
        return None
