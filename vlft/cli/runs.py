"""`vlft runs`: what was started, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlft.cli.options import Format, FormatOption

app = typer.Typer(help="List and show runs.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_(
    output_dirs: Annotated[
        list[Path] | None,
        typer.Option("--output-dir", help="Look in this folder too; ./output is looked in."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """List runs, the newest first."""
    import json

    from vlft.runs.index import list_runs

    runs = list_runs([Path("output").absolute(), *(output_dirs or ())])
    if output_format is Format.JSON:
        typer.echo(json.dumps([run.to_json() for run in runs], indent=2, ensure_ascii=False))
        return
    for run in runs:
        typer.echo(f"{run.id}  {run.status:<8}  {len(run.checkpoints)} checkpoints  {run.folder}")


@app.command("show")
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id, its beginning, or the folder.")],
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Show one run: what was started and how it ended."""
    import json

    import yaml

    from vlft.runs.index import find_run

    found = find_run(run)
    shown = found.to_json() | {
        "record": dict(found.record),
        "outcome": dict(found.outcome) or None,
    }
    if output_format is Format.JSON:
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        typer.echo(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).rstrip())
