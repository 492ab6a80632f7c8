"""`vlft handover`: how to serve a model, asked as it was trained."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption
from vlft.output import console


def handover(
    target: Annotated[
        str,
        typer.Argument(metavar="RUN|CHECKPOINT|MODEL", help="A run's id or folder, or weights."),
    ],
    base: Annotated[
        Optional[str],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Option("--base", metavar="DIR", help="The model under the adapter, if it moved."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Print the commands that serve a model with the limits and prompts of its training."""
    import json

    from vlft.infer.serve import hand_over
    from vlft.runs.target import resolve_target

    found = hand_over(resolve_target(target), base)
    if output_format is Format.JSON:
        console.write_json(found.to_json())
        return
    console.write(f"# ms-swift\n{found.swift}\n")
    console.write(f"# vLLM\n{found.vllm}\n")
    body = json.dumps(found.request, ensure_ascii=False)
    console.write(f"# a request to either: POST /v1/chat/completions\n{body}\n")
    console.write(f"# transformers\n{found.transformers}")
    for note in found.notes:
        console.note(f"note: {note}")
