"""`vlft init`, `vlft ls`, `vlft cat`, `vlft cp`: a first config, made or taken from the recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from vlft.cli.options import FormatOption, HardwareOption, print_result
from vlft.errors import UsageError
from vlft.output import console

Name = Annotated[str, Argument(metavar="RECIPE", help="As `vlft ls` lists it.")]


def ls(
    model: Annotated[str | None, Option(help="A part of the model's name: qwen3, 7B.")] = None,
    gpu: Annotated[str | None, Option(help="A part of the hardware: 1x, 8xA100, 80G.")] = None,
    output_format: FormatOption = "text",
) -> None:
    """List the recipes: model, method, hardware."""
    from vlft.recipes import recipes

    found = recipes(model, gpu)
    rows = [
        {"name": one.name, "title": one.title, "model": one.model, "hardware": one.hardware}
        for one in found
    ]
    width = max((len(one.name) for one in found), default=0)
    print_result(output_format, rows, (f"{one.name:<{width}}  {one.title}" for one in found))


def cat(name: Name) -> None:
    """Print a recipe."""
    from vlft.recipes import recipe

    console.write_document(recipe(name).read_text(encoding="utf-8"))


def cp(
    name: Name,
    destination: Annotated[
        Path, Argument(metavar="[DESTINATION]", help="A new file, or a folder.")
    ] = Path(),
) -> None:
    """Copy a recipe, to be edited; nothing is overwritten."""
    from vlft.files import write_text
    from vlft.recipes import recipe

    source = recipe(name)
    target = destination / source.name if destination.is_dir() else destination
    if target.exists():
        raise UsageError(f"{target} exists", f"name another file: vlft cp {name} FILE")
    write_text(target, source.read_text(encoding="utf-8"))
    console.write(str(target))


def init(
    model: Annotated[str | None, Option(help="A model's folder, or its id on a hub.")] = None,
    data: Annotated[Path | None, Option(help="Rows for training: JSON lines.")] = None,
    hardware: HardwareOption = "here",
    output: Annotated[Path, Option("--output", "-o", help="The config to write.")] = Path(
        "config.yaml"
    ),
    yes: Annotated[bool, Option("--yes", "-y", help="Ask nothing.")] = False,
) -> None:
    """Write a first config that validates and fits, with the reasons in it."""
    import sys

    from vlft.estimate.page import to_text
    from vlft.estimate.starter_config import first_config
    from vlft.files import write_text
    from vlft.pipeline import look_at_hardware

    asks = sys.stdin.isatty() and not yes
    if model is None and asks:
        model = console.ask("Model (a folder, or an id on a hub)")
    if data is None and asks:
        data = Path(console.ask("Rows for training (JSON lines)"))
    if model is None or data is None:
        raise UsageError("a model and data are needed", "vlft init --model DIR --data FILE")
    if not data.is_file():
        raise UsageError(f"there is no file {data}", "name a file of JSON lines: --data FILE")
    if output.exists() and not (asks and console.confirm(f"Overwrite {output}?")):
        raise UsageError(f"{output} exists", "name another one: --output FILE")
    machine = look_at_hardware(hardware)
    if machine is None:
        raise UsageError("a first config is made for a machine", "--hardware here, or 4xA100-80G")
    text, outlook = first_config(model, data, machine, output)
    write_text(output, text)
    console.write(str(output))
    console.note(to_text(outlook))
    console.note(f"next: vlft validate {output}, then vlft train {output}")
