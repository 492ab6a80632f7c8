"""`vlft ls`, `vlft cat`, `vlft cp`: the shipped configs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption
from vlft.output import console

Name = Annotated[str, typer.Argument(metavar="RECIPE", help="As `vlft ls` lists it.")]


def ls(
    model: Annotated[
        Optional[str],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Option("--model", help="A part of the model's name: qwen3, 7B."),
    ] = None,
    gpu: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--gpu", help="A part of the hardware: 1x, 8xA100, 80G."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """List the recipes: model, method, hardware."""
    from vlft.recipes import recipes

    found = recipes(model, gpu)
    if output_format is Format.JSON:
        rows = [
            {"name": one.name, "title": one.title, "model": one.model, "hardware": one.hardware}
            for one in found
        ]
        console.write_json(rows)
        return
    width = max((len(one.name) for one in found), default=0)
    for one in found:
        console.write(f"{one.name:<{width}}  {one.title}")


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
    from vlft.errors import UsageError
    from vlft.files import write_text
    from vlft.recipes import recipe

    source = recipe(name)
    target = destination / source.name if destination.is_dir() else destination
    if target.exists():
        raise UsageError(f"{target} exists", f"name another file: vlft cp {name} FILE")
    write_text(target, source.read_text(encoding="utf-8"))
    console.write(str(target))
