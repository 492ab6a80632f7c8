"""Which config key decides which argument of ms-swift and which environment variable.

The schema's own fields say it (see `fields.key`). The command renders an owned value under the
argument's name, a rule refuses the same argument under `swift:` or `env:`, and `vlft import` finds
the key of a flag here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from vlft.config.fields import OWNED_ARGUMENTS, OWNED_VARIABLES, Section
from vlft.config.schema import Config

if TYPE_CHECKING:
    from collections.abc import Iterator


def _owned(section: type[Section], kind: str, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Names of a kind that the keys of a section decide, with the key."""
    for name, field in section.model_fields.items():
        if isinstance(field.json_schema_extra, dict):
            names = field.json_schema_extra.get(kind)
            yield from ((str(one), prefix + name) for one in names or () if names)  # type: ignore[union-attr]
        for inner in (field.annotation, *get_args(field.annotation)):
            # On Python 3.10, list[str] is a type too.
            if not get_args(inner) and isinstance(inner, type) and issubclass(inner, Section):
                yield from _owned(inner, kind, f"{prefix}{name}.")


ARGUMENTS: dict[str, str] = dict(_owned(Config, OWNED_ARGUMENTS))
"""Argument of `swift sft` → config key that owns it."""

ENVIRONMENT: dict[str, str] = dict(_owned(Config, OWNED_VARIABLES))
"""Environment variable → config key that owns it."""

RESERVED: dict[str, str] = {
    "add_version": "vlft gives every run a folder of its own",
}
"""Arguments that vlft always writes itself, and why."""

NODE_ENVIRONMENT: dict[str, str] = {
    "NODE_RANK": "it differs by node: vlft train --node-rank",
    "RANK": "torchrun sets it in each process",
    "LOCAL_RANK": "torchrun sets it in each process",
    "WORLD_SIZE": "it is nproc_per_node × nnodes: launch.nproc_per_node, launch.nnodes",
    "LOCAL_WORLD_SIZE": "it is launch.nproc_per_node",
}
"""Environment variables that a launcher sets, never a config."""
