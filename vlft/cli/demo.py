"""`vlft demo`: the whole chain on this machine, with no network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption
from vlft.output import console


def demo(
    family: Annotated[
        Optional[str],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Option("--family", help="Model family by ms-swift's name; Qwen2-VL if absent."),
    ] = None,
    output_dir: Annotated[
        Optional[Path],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Option("--output-dir", help="Folder to make; output/demo-… if absent."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Train a tiny model on real digits, merge, quantise, and ask it about unseen ones."""
    from vlft.demo import run_demo
    from vlft.errors import InvalidError
    from vlft.models import DEFAULT_FAMILY
    from vlft.output.findings import print_findings
    from vlft.runs.record import new_run_id, utc_now

    folder = output_dir or Path("output", new_run_id("demo", utc_now()))

    def say(text: str) -> None:
        console.note(f"demo: {text}")

    try:
        result = run_demo(family or DEFAULT_FAMILY.swift_model_type, folder.absolute(), say)
    except InvalidError as error:
        print_findings(error.findings, {})
        raise
    if output_format is Format.JSON:
        console.write_json(result.to_json())
        return
    names = {
        "before": ("base", "before LoRA", "infer_before"),
        "after": ("adapter", "with the adapter", "infer_after"),
        "merged": ("merged", "merged", "infer_merged"),
        "quantized": ("quantized", "in 8 bits", "infer_quantized"),
    }
    console.write(f"held-out digits answered right, of {result.held_out}:")
    for key, (weights, name, stage) in names.items():
        size, seconds = result.bytes[weights] / 1e6, result.seconds[stage]
        console.write(
            f"  {name:<17} {result.accuracy[key]:7.1%} {size:8.1f} MB   asked in {seconds:.0f} s"
        )
    total = sum(result.seconds.values())
    console.write(f"{total:.0f} s in all; everything is in {result.output_dir}")
