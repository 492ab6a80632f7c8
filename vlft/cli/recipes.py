"""`vlft ls`, `vlft cat`, `vlft cp`: the shipped configs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlft.cli.options import FormatOption, print_result
from vlft.errors import UsageError
from vlft.output import console

Name = Annotated[str, typer.Argument(metavar="RECIPE", help="As `vlft ls` lists it.")]


def ls(
    model: Annotated[
        str | None, typer.Option("--model", help="A part of the model's name: qwen3, 7B.")
    ] = None,
    gpu: Annotated[
        str | None, typer.Option("--gpu", help="A part of the hardware: 1x, 8xA100, 80G.")
    ] = None,
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
        Path, typer.Argument(metavar="[DESTINATION]", help="A new file, or a folder.")
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
