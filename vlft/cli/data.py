"""`vlft data`: what the trainer will do with every row, before a GPU is touched."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from typer import Argument, Option

from vlft.cli.options import (
    FormatOption,
    SetOption,
    StrictOption,
    parse_pixels,
    print_result,
    require_config,
    require_files,
)
from vlft.errors import UsageError, VlftError
from vlft.findings import counted_by_severity
from vlft.output import console
from vlft.text import counted

if TYPE_CHECKING:
    from vlft.data.findings import DataReport, RowFinding
    from vlft.data.statistics import StatsSettings
    from vlft.data.tokens.rows import RowTokens, TokenModel

app = typer.Typer(
    help="What the trainer will do with every row of a file.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


@app.command("check")
def check(
    files: Annotated[
        list[str] | None,
        Argument(metavar="FILE...", help="JSONL, JSON, CSV or Parquet; path#N as in swift."),
    ] = None,
    val: Annotated[
        list[str] | None, Option(metavar="FILE", help="Validation data, also checked for leaks.")
    ] = None,
    config: Annotated[
        Path | None, Option(metavar="CONFIG", help="Takes files, model and limits from it.")
    ] = None,
    overrides: SetOption = None,
    model: Annotated[
        str | None, Option(metavar="M", help="Folder, hub id or family, such as qwen2_vl.")
    ] = None,
    max_length: Annotated[int | None, Option(min=1, help="Tokens a row may have.")] = None,
    max_pixels: Annotated[int | None, Option(min=1, help="Pixels of an image, at most.")] = None,
    fetch: Annotated[bool, Option("--fetch", help="Fetch URLs of pictures.")] = False,
    allow_private: Annotated[
        bool, Option("--allow-private", help="Fetch from private addresses too.")
    ] = False,
    strict: StrictOption = False,
    ignore: Annotated[list[str] | None, Option(metavar="RULE", help="Suppress a rule.")] = None,
    output_format: FormatOption = "text",
) -> None:
    """Say of every row whether ms-swift trains on it, drops it, replaces it or gets it wrong."""
    from msgspec.structs import replace

    from vlft.data.check import check_files
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
    settings = replace(settings, fetch=fetch, allow_private=allow_private)
    size = bytes_of(train + held_out, settings.cwd)
    with progress(size, "checking rows") as advance:
        report = check_files(train, settings, val=held_out, ignore=ignore or (), advance=advance)
    severities = report.findings.severities
    with report:
        (_write_json if output_format == "json" else _write_text)(report)
        failed = severities["error"] or (strict and severities["warning"])
    raise typer.Exit(1 if failed else 0)


_SHOWN: Final = 3
"""Rows that are shown of each rule."""
_BATCH: Final = 1000
"""Findings that are written at once."""
_ORDER: Final = ("error", "warning", "info")
_FATES: Final = {
    "dropped": "dropped when the file is loaded",
    "replaced": "another row is trained on in its place",
    "silently_wrong": "trained on, but not as it says",
    "load_fails": "the file can't be loaded",
    "unknown": "not known",
    "ok": "trained on as it is",
}


def _write_json(report: DataReport) -> None:
    """The documented JSON object, finding by finding: there can be millions."""
    from msgspec.structs import asdict

    out = console.stdout()
    head = {"rows": report.rows, "files": report.files, "counts": report.findings.counts}
    console.put(out, console.json_text(head)[:-1] + ', "findings": [')
    findings, separator = iter(report.findings), "\n"
    while batch := [console.json_text(asdict(one)) for one in islice(findings, _BATCH)]:
        console.put(out, separator + ",\n".join(batch))
        separator = ",\n"
    tokens = asdict(report.tokens) if report.tokens else None
    console.put(out, f'], "tokens": {console.json_text(tokens)}}}\n')


def _write_text(report: DataReport) -> None:
    """Rule by rule, with the first rows of each; the last line sums up."""
    out = console.stdout()
    color = out.isatty()
    first: dict[str, list[RowFinding]] = {}
    for found in report.findings:
        kept = first.setdefault(found.rule, [])
        if len(kept) < _SHOWN:
            kept.append(found)
    for rule in sorted(first, key=lambda rule: (_ORDER.index(first[rule][0].severity), rule)):
        text = _group(first[rule], report.findings.counts[rule], color)
        console.put(out, text + "\n", colors=color)
    console.put(out, _summary(report) + "\n")


def _group(found: list[RowFinding], count: int, color: bool) -> str:
    from vlft.data.rules import ROW_RULES
    from vlft.output.findings import painted

    one = found[0]
    rows = "" if one.rule.startswith("file.") else f"{counted(count, 'row')}, "
    lines = [
        f"{painted(one.severity, color)}: {rows}{_FATES[one.fate]} [{one.rule}]",
        f"    {ROW_RULES[one.rule].sentence}",
    ]
    lines += [f"  {console.shown(_place(each) + each.message)}" for each in found]
    if count > len(found):
        lines.append(f"  … and {count - len(found):,} more")
    hint = next((each.hint for each in found if each.hint), None)
    if hint is not None:
        lines.append(f"    → {console.shown(hint)}")
    return "\n".join(lines)


def _place(found: RowFinding) -> str:
    line = f":{found.line}" if found.line else ""
    row = f"row {found.row}: " if found.row else ""
    return f"{found.file}{line}: {row}"


def _summary(report: DataReport) -> str:
    """The last line: what was looked at, and what was found."""
    rows = counted(report.rows, "row")
    if len(report.files) > 1:
        rows += f" in {len(report.files)} files"
    tokens = report.tokens
    said = f"{rows}: {counted_by_severity(report.findings.severities) or 'ok'}"
    if tokens is not None:
        sign = "" if tokens.exact else "about "
        said += f"; tokens a row {sign}{tokens.p50:,} (half), {tokens.p95:,} (95 %), {tokens.max:,}"
    return said


_FIX = "Mend rows of messages where there is one way to, into FILE.corrected.jsonl."
_REPORT = "A JSON line for each changed row: its old and its new form."


@app.command("convert")
def convert(
    files: Annotated[list[Path], Argument(metavar="FILE...", help="JSON, CSV or Parquet.")],
    output: Annotated[
        Path | None, Option("--output", "-o", metavar="OUT.jsonl", help="One file for all rows.")
    ] = None,
    source: Annotated[
        Literal["auto", "swift", "llamafactory", "openai"],
        Option("--from", help="What the rows are."),
    ] = "auto",
    fix: Annotated[bool, Option("--fix", help=_FIX)] = False,
    report: Annotated[Path | None, Option(metavar="FILE", help=_REPORT)] = None,
    output_format: FormatOption = "text",
) -> None:
    """Turn rows of ms-swift v2, LLaMA-Factory and OpenAI into rows that load whole.

    Rows that can't be converted without guessing go to OUT.rejected.jsonl with their
    reason; the exit code is 1 then. Pictures that stand in a Parquet file are written
    into OUT.images. No file that is read is ever written to.
    """
    from vlft.data.convert.run import Task, convert_files
    from vlft.environment import ENVIRON
    from vlft.output.console import progress

    require_files(files)
    if output is None and not fix:
        raise UsageError("there is no output", "name it with --output OUT.jsonl")
    if fix and output is not None and len(files) > 1:
        raise UsageError("--fix mends each file by itself", "leave --output out")
    if fix and source != "auto":
        raise UsageError("--fix reads rows of messages", "leave --from out")
    if fix and report is not None and len(files) > 1:
        raise UsageError("--report serves one file with --fix", "mend the files one by one")
    batches = [[file] for file in files] if fix else [files]
    root = ENVIRON.get("ROOT_IMAGE_DIR")
    reports = []
    for batch in batches:
        task = Task(
            inputs=batch,
            output=output or batch[0].with_name(f"{batch[0].stem}.corrected.jsonl"),
            form=source,
            fix=fix,
            report=report,
            cwd=Path.cwd(),
            root_image_dir=None if root is None else Path(root),
        )
        size = sum(file.stat().st_size for file in batch)
        with progress(size, "converting") as advance:
            reports.append(convert_files(task, advance))
    shown = [one.to_json() for one in reports]
    print_result(output_format, shown if fix else shown[0], (one.to_text() for one in reports))
    raise typer.Exit(1 if any(one.refused or not one.written for one in reports) else 0)


_FILES = "JSON lines or arrays, CSV, Parquet; path#N is all of it. Default: the config's."
_MODEL = "A model folder, for exact counts; or a hub id or family, for its pictures alone."
_LIMITS = "A limit to compare, again and again: 512*28*28, or tiles for InternVL."


@app.command("stats")
def stats(
    files: Annotated[list[str] | None, Argument(metavar="[FILE]...", help=_FILES)] = None,
    model: Annotated[str | None, Option(metavar="M", help=_MODEL)] = None,
    config: Annotated[
        Path | None, Option(metavar="CONFIG", help="Model, limits and files of a config.")
    ] = None,
    overrides: SetOption = None,
    max_length: Annotated[
        int | None, Option(metavar="N", min=1, help="As `data.max_length`.")
    ] = None,
    max_pixels: Annotated[list[str] | None, Option(metavar="N", help=_LIMITS)] = None,
    output_format: FormatOption = "text",
) -> None:
    """Say how long rows are, what their pictures cost, and what a limit would save."""
    from vlft.data.statistics import collect
    from vlft.output.console import progress

    require_config(config, overrides)
    settings, paths, title = _settings(files, model, config, overrides or [], max_pixels or [])
    if max_length is not None:
        from msgspec.structs import replace

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
    from vlft.data.statistics import StatsSettings, choices
    from vlft.data.tokens.rows import find_model
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
    from vlft.data.tokens.rows import open_row_tokens

    if name is None or not Path(name).is_dir():
        return None
    try:
        return open_row_tokens(found, Path(name), None)
    except VlftError as error:
        console.note(f"vlft: text tokens are not counted: {error.message}")
        return None
