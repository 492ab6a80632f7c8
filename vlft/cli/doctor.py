"""`vlft doctor`: the environment, to be read or pasted into an issue."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption


def doctor(
    python: Annotated[
        Optional[str],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Option("--python", help="An interpreter to look at; found by itself if absent."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Report versions, GPUs, and what works with them; exit code 1 if something is missing."""
    import json

    from vlft.doctor import examine, to_text

    report = examine(python)
    as_json = output_format is Format.JSON
    typer.echo(
        json.dumps(report.to_json(), indent=2, ensure_ascii=False) if as_json else to_text(report)
    )
    raise typer.Exit(1 if report.problems else 0)
