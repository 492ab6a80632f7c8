"""`vlft demo`: the whole chain on this machine, with no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption


def demo(
    output_dir: Annotated[
        Optional[Path],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Option("--output-dir", help="Folder to make; output/demo-… if absent."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Train a tiny Qwen2-VL on real handwritten digits and ask it about unseen ones."""
    import json
    import sys

    from vlft.cli.report import print_findings
    from vlft.demo import run_demo
    from vlft.errors import InvalidError
    from vlft.runs.record import new_run_id, utc_now

    folder = output_dir or Path("output", new_run_id("demo", utc_now()))

    def say(text: str) -> None:
        print(f"demo: {text}", file=sys.stderr, flush=True)

    try:
        result = run_demo(folder.absolute(), say)
    except InvalidError as error:
        print_findings(error.findings, {})
        raise
    if output_format is Format.JSON:
        typer.echo(json.dumps(result.to_json(), indent=2))
        return
    total = sum(result.seconds.values())
    typer.echo(f"held-out digits answered right, of {result.held_out}:")
    typer.echo(f"  before LoRA  {result.before:7.1%}")
    typer.echo(f"  after LoRA   {result.after:7.1%}")
    typer.echo(f"{total:.0f} s; everything is in {result.output_dir}")
