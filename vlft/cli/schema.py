"""`vlft schema`: a config file as a JSON Schema."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from vlft.output import console


class Task(str, Enum):
    """Whose arguments the section `swift` takes."""

    SFT = "sft"
    PT = "pt"
    RLHF = "rlhf"


def schema(
    task: Annotated[
        Task, typer.Option("--task", help="Whose arguments `swift:` takes.")
    ] = Task.SFT,
) -> None:
    """Print the JSON Schema of a config, for editors; `swift:` as it is installed here."""
    from vlft.json_schema import config_schema
    from vlft.swift.interpreter import find_interpreter
    from vlft.swift.probe import read_swift

    swift = read_swift(find_interpreter(None))
    described = config_schema(swift.arguments[task.value], swift.version)
    console.write_json(described)
