"""`vlft data convert`: rows of other programs, as ms-swift 4.6 loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vlft.cli.options import FormatOption, print_result, require_files
from vlft.errors import UsageError

_FIX = "Mend rows of messages where there is one way to, into FILE.corrected.jsonl."
_REPORT = "A JSON line for each changed row: its old and its new form."


def convert(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JSON, CSV or Parquet.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT.jsonl", help="One file for all rows."),
    ] = None,
    source: Annotated[
        Literal["auto", "swift", "llamafactory", "openai"],
        typer.Option("--from", help="What the rows are."),
    ] = "auto",
    fix: Annotated[bool, typer.Option("--fix", help=_FIX)] = False,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE", help=_REPORT)] = None,
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
