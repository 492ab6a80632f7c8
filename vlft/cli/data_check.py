"""`vlft data check`: the fate of every row, before a GPU is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlft.cli.options import FormatOption, SetOption, StrictOption, require_config
from vlft.errors import UsageError


def check(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="JSONL, JSON, CSV or Parquet; path#N as in swift."),
    ] = None,
    val: Annotated[
        list[str] | None,
        typer.Option("--val", metavar="FILE", help="Validation data, also checked for leaks."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="CONFIG", help="Takes files, model and limits from it."),
    ] = None,
    overrides: SetOption = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="M", help="Folder, hub id or family, such as qwen2_vl."),
    ] = None,
    max_length: Annotated[
        int | None, typer.Option("--max-length", min=1, help="Tokens a row may have.")
    ] = None,
    max_pixels: Annotated[
        int | None, typer.Option("--max-pixels", min=1, help="Pixels of an image, at most.")
    ] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch URLs of pictures.")] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Fetch from private addresses too.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Processes; as many as pay if absent.")
    ] = None,
    strict: StrictOption = False,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="RULE", help="A rule that is not to be heard."),
    ] = None,
    output_format: FormatOption = "text",
) -> None:
    """Say of every row whether ms-swift trains on it, drops it, replaces it or gets it wrong."""
    from dataclasses import replace

    from vlft.data.check import check_files
    from vlft.data.check_report import write_json, write_text
    from vlft.data.from_config import data_of_run, settings_of_flags
    from vlft.environment import ENVIRON
    from vlft.output.console import progress
    from vlft.pipeline import require_run
    from vlft.probe.data_entries import bytes_of
    from vlft.rule_catalog import find_entry

    require_config(config, overrides)
    train, held_out = list(files or ()), list(val or ())
    if config is not None:
        if model or max_length or max_pixels:
            raise UsageError("--config brings model and limits with it", "change them with --set")
        data = data_of_run(require_run(config, overrides or ()))
        settings = data.settings
        train, held_out = train or list(data.train), held_out or list(data.val)
    else:
        settings = settings_of_flags(model, max_length, max_pixels, ENVIRON)
    if not train:
        raise UsageError("no file was named", "write `vlft data check FILE`, or add --config")
    for rule in ignore or ():
        find_entry(rule)
    settings = replace(settings, fetch=fetch, allow_private=allow_private, jobs=jobs)
    size = bytes_of(train + held_out, settings.cwd)
    with progress(size, "checking rows") as advance:
        report = check_files(train, settings, val=held_out, ignore=ignore or (), advance=advance)
    with report:
        (write_json if output_format == "json" else write_text)(report)
        failed = report.errors or (strict and report.warnings)
    raise typer.Exit(1 if failed else 0)
