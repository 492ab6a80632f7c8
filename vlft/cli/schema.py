"""`vlft schema`: a config file as a JSON Schema."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from vlft.output import console


def schema(
    task: Annotated[
        Literal["sft", "pt", "rlhf"], typer.Option("--task", help="Whose arguments `swift:` takes.")
    ] = "sft",
) -> None:
    """Print the JSON Schema of a config, for editors; `swift:` as it is installed here."""
    from vlft.json_schema import config_schema
    from vlft.swift.interpreter import find_interpreter
    from vlft.swift.probe import read_swift

    swift = read_swift(find_interpreter(None))
    console.write_json(config_schema(swift.arguments[task], swift.version))
