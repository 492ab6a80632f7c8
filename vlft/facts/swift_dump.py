"""The JSON that trainer_side/dump_arguments.py writes, as types.

A dump is read with KeyError, TypeError or ValueError for all that is not one: a shipped file
is right (a test says so), a cached one is then probed again.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vlft.facts.swift_names import by_names_of_today
from vlft.facts.swift_types import (
    SUBCOMMANDS,
    Argument,
    ModelEntry,
    ModelGroup,
    Subcommand,
    SwiftFacts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FORMAT = 1
FOLDER = Path(__file__).parent / "swift_dumps"


def shipped_versions() -> tuple[str, ...]:
    """Versions of ms-swift that vlft ships a dump for, the newest first."""
    names = [path.name.removesuffix(".json") for path in FOLDER.glob("*.json")]
    versions = [name for name in names if not name.endswith(".models")]
    return tuple(sorted(versions, key=release, reverse=True))


def read_shipped(version: str) -> SwiftFacts | None:
    """The shipped dump for exactly this version; None if there is none."""
    document = read_document(version)
    if document is None:
        return None
    return parse_facts(document, "shipped", lambda: read_document(version, ".models") or {})


def read_document(version: str, half: Literal["", ".models"] = "") -> dict[str, Any] | None:
    """One half of a shipped dump as it was written; None if there is none for this version."""
    try:
        text = (FOLDER / f"{version}{half}.json").read_bytes()
    except OSError:
        return None
    document: dict[str, Any] = json.loads(text)
    base = document.get("base")
    if base is None:
        return document
    from vlft.facts.swift_difference import restored  # noqa: PLC0415  not for the newest release

    return restored(document, json.loads((FOLDER / f"{base}{half}.json").read_bytes()))


def parse_facts(
    document: Mapping[str, Any],
    origin: Literal["shipped", "probed"],
    load_models: Callable[[], Mapping[str, Any]],
) -> SwiftFacts:
    """The facts half of a dump; `load_models` gives the other half when it is asked for."""
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']!r}")
    arguments: dict[Subcommand, dict[str, Argument]] = {name: {} for name in SUBCOMMANDS}
    for spec in document["arguments"]:
        argument = _argument(spec)
        for subcommand in spec["in"]:
            arguments[subcommand][argument.name] = argument
    return SwiftFacts(
        version=document["ms_swift"],
        arguments={key: by_names_of_today(value, key) for key, value in arguments.items()},
        origin=origin,
        templates=frozenset(document["templates"]),
        transformers=document["transformers"],
        load_models=functools.cache(lambda: parse_models(load_models())),
    )


def parse_models(document: Mapping[str, Any]) -> dict[str, ModelEntry]:
    """The models half of a dump."""
    return {spec["model_type"]: _model(spec) for spec in document["models"]}


def _argument(spec: Mapping[str, Any]) -> Argument:
    choices = spec.get("choices")
    return Argument(
        spec["name"],
        spec["type"],
        spec.get("many", False),
        spec.get("optional", False),
        None if choices is None else tuple(choices),
        spec.get("default"),
        spec["defined_in"],
        spec.get("settable", True),
    )


def _model(spec: Mapping[str, Any]) -> ModelEntry:
    groups = tuple(
        ModelGroup(tuple(group["ids"]), group.get("template"), tuple(group.get("requires", ())))
        for group in spec["groups"]
    )
    return ModelEntry(
        model_type=spec["model_type"],
        template=spec.get("template"),
        architectures=tuple(spec["architectures"]),
        groups=groups,
        is_multimodal=spec.get("is_multimodal", False),
        requires=tuple(spec.get("requires", ())),
    )


def release(version: str) -> tuple[int, ...]:
    """What versions are ordered by."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())
