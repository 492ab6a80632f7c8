"""`vlft data check`: the fate of every row, before a GPU is touched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption, SetOption
from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.data.from_config import ConfiguredData


def check(
    files: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Argument(metavar="FILE...", help="JSONL, JSON, CSV or Parquet; path#N as in swift."),
    ] = None,
    val: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--val", metavar="FILE", help="Validation data, also checked for leaks."),
    ] = None,
    config: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--config", metavar="CONFIG", help="Takes files, model and limits from it."),
    ] = None,
    overrides: SetOption = None,
    model: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--model", metavar="M", help="Folder, hub id or family, such as qwen2_vl."),
    ] = None,
    max_length: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--max-length", min=1, help="Tokens a row may have."),
    ] = None,
    max_pixels: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--max-pixels", min=1, help="Pixels of an image, at most."),
    ] = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch URLs of pictures.")] = False,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Fetch from private addresses too.")
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    ignore: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--ignore", metavar="RULE", help="A rule that is not to be heard."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Say of every row whether ms-swift trains on it, drops it, replaces it or gets it wrong."""
    from dataclasses import replace

    from vlft.data.check import check_files
    from vlft.data.check_report import write_json, write_text
    from vlft.data.from_config import settings_of_flags
    from vlft.environment import ENVIRON
    from vlft.errors import UsageError
    from vlft.output.progress import progress
    from vlft.probe.data_entries import bytes_of
    from vlft.rule_catalog import find_entry

    train, held_out = list(files or ()), list(val or ())
    if config is not None:
        if model or max_length or max_pixels:
            raise UsageError("--config brings model and limits with it", "change them with --set")
        data = checked_config(config, overrides or [])
        settings = data.settings
        train, held_out = train or list(data.train), held_out or list(data.val)
    else:
        settings = settings_of_flags(model, max_length, max_pixels, ENVIRON)
    if not train:
        raise UsageError("no file was named", "write `vlft data check FILE`, or add --config")
    for rule in ignore or ():
        find_entry(rule)
    settings = replace(settings, fetch=fetch, allow_private=allow_private)
    size = bytes_of(train + held_out, settings.cwd)
    with progress(size, "checking rows") as advance:
        report = check_files(train, settings, val=held_out, ignore=ignore or (), advance=advance)
    with report:
        if output_format is Format.JSON:
            write_json(report)
        else:
            write_text(report)
        failed = report.errors or (strict and report.warnings)
    raise typer.Exit(1 if failed else 0)


def checked_config(file: Path, overrides: Sequence[str]) -> ConfiguredData:
    """Reads a config for its data.

    Raises:
        VlftError: If it can't be read; what is wrong with it is printed.
    """
    from vlft.data.from_config import data_of_run
    from vlft.output.findings import print_findings
    from vlft.pipeline import Rejected, resolve_config

    run = resolve_config(file, overrides)
    if isinstance(run, Rejected):
        print_findings(run.findings, {})
        raise VlftError(f"{file} can't be used", f"`vlft validate {file}` says more")
    return data_of_run(run)
