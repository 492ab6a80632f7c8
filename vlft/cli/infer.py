"""`vlft infer`: ask a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlft.cli.options import Format, FormatOption


def infer(
    target: Annotated[
        str,
        typer.Argument(metavar="RUN|CHECKPOINT|MODEL", help="A run's id or folder, or weights."),
    ],
    data: Annotated[Path, typer.Option("--data", help="JSONL with rows as in training.")],
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=1, help="Length of an answer, at most.")
    ] = 512,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Rows at once.")] = 1,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Answer every row of a file, on the limits and with the template of the training run."""
    import json
    import sys

    from vlft.launch.inference import infer_rows, vars_of
    from vlft.runs.target import resolve_target

    done = infer_rows(
        resolve_target(target), data, max_new_tokens=max_new_tokens, batch_size=batch_size
    )
    for answer in done.answers:
        if output_format is Format.JSON:
            typer.echo(json.dumps(vars_of(answer), ensure_ascii=False))
        else:
            given = "" if answer.answer is None else f"\t({answer.answer})"
            typer.echo(f"{answer.row}\t{answer.prediction}{given}")
    if not done.exit_code:
        print(f"predictions: {done.folder / 'predictions.jsonl'}", file=sys.stderr)
    raise typer.Exit(done.exit_code)
