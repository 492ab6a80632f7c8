"""`vlft handover`: how to serve a model, asked as it was trained."""

from __future__ import annotations

from vlft.cli.options import BaseOption, FormatOption, TargetArgument, print_result
from vlft.output import console


def handover(
    target: TargetArgument, base: BaseOption = None, output_format: FormatOption = "text"
) -> None:
    """Print the commands that serve a model with the limits and prompts of its training."""
    import json
    from dataclasses import asdict

    from vlft.infer.serve import hand_over
    from vlft.runs.target import resolve_target

    found = hand_over(resolve_target(target), base)
    body = json.dumps(found.request, ensure_ascii=False)
    lines = [
        f"# ms-swift\n{found.swift}\n",
        f"# vLLM\n{found.vllm}\n",
        f"# a request to either: POST /v1/chat/completions\n{body}\n",
        f"# transformers\n{found.transformers}",
    ]
    print_result(output_format, asdict(found), lines)
    if output_format == "text":
        for note in found.notes:
            console.note(f"note: {note}")
