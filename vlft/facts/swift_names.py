"""Arguments that a release which vlft runs calls otherwise: one name in every config.

A config says `eval_metric` whichever ms-swift is installed; with 3.12 it reaches the command
line as `--metric`. From the dataclasses of 3.12.6 and 4.0.4 to 4.6.0.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vlft.facts.swift_types import Argument, Subcommand

_BEFORE_4: Final = {
    "tuner_type": "train_type",
    "eval_metric": "metric",
    "safe_serialization": "save_safetensors",
    "mcore_adapter": "mcore_adapters",
}
"""Name of today → the one before 4.0."""

_SAME: Final = {"infer": frozenset({"metric"})}
"""Names that a subcommand has still."""


def by_names_of_today(
    arguments: dict[str, Argument], subcommand: Subcommand
) -> dict[str, Argument]:
    """The arguments of a subcommand by today's names; each one remembers its own."""
    if "tuner_type" in arguments:
        return arguments
    kept = _SAME.get(subcommand, frozenset())
    names = {old: new for new, old in _BEFORE_4.items() if old not in kept}
    named = (
        replace(argument, name=names[name], flag=name) if name in names else argument
        for name, argument in arguments.items()
    )
    return {argument.name: argument for argument in named}
