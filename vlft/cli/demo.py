"""`vlft demo`: the whole chain on this machine, with no network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from vlft.cli.options import FormatOption, print_result
from vlft.errors import StoppedError
from vlft.output import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.demo import DemoResult


def demo(
    family: Annotated[
        str | None, Option(help="Model family by ms-swift's name; Qwen2-VL if absent.")
    ] = None,
    output_dir: Annotated[
        Path | None, Option(help="Folder to make; output/demo-… if absent.")
    ] = None,
    output_format: FormatOption = "text",
) -> None:
    """Train a tiny model on real digits, merge, quantise, and ask it about unseen ones."""
    import logging

    from vlft.demo import run_demo
    from vlft.models import DEFAULT_FAMILY
    from vlft.runs.record import new_run_id, utc_now

    folder = output_dir or Path("output", new_run_id("demo", utc_now()))
    logging.getLogger("vlft.export").setLevel(logging.WARNING)  # a stage is announced already
    try:
        result = run_demo(family or DEFAULT_FAMILY.swift_model_type, folder.absolute())
    except StoppedError:
        console.error("the demo was stopped")
        raise
    print_result(output_format, result.to_json(), _lines(result))


def _lines(result: DemoResult) -> Iterator[str]:
    names = {
        "before": ("base", "before LoRA", "infer_before"),
        "after": ("adapter", "with the adapter", "infer_after"),
        "merged": ("merged", "merged", "infer_merged"),
        "quantized": ("quantized", "in 8 bits", "infer_quantized"),
    }
    yield f"held-out digits answered right, of {result.held_out}:"
    for key, (weights, name, stage) in names.items():
        size, seconds = result.bytes[weights] / 1e6, result.seconds[stage]
        yield (
            f"  {name:<17} {result.accuracy[key]:7.1%} {size:8.1f} MB   asked in {seconds:.0f} s"
        )
    total = sum(result.seconds.values())
    yield f"{total:.0f} s in all; everything is in {result.output_dir}"
