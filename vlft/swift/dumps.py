"""The JSON that trainer_side/dump_arguments.py writes, as types.

A dump is read with KeyError, TypeError or ValueError for all that is not one: a shipped file
is right (a test says so), a cached one is then probed again.
"""

from __future__ import annotations

import functools
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from vlft.swift.release import SUBCOMMANDS, Argument, ModelEntry, ModelGroup, Subcommand, SwiftFacts
from vlft.swift.versions import release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_LINES: Final = {"arguments": "name", "models": "model_type"}
"""List of objects in a dump → what its lines are called by; several may share a name."""

_ORDERED: Final = "models"  # the first one that fits a folder's name wins
_NAMES: Final = "templates"


def reduced(document: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """One half of a dump as what differs from the same half of another.

    Args:
        document: The dump; its own version is kept.
        base: The dump that stands in full.
    """
    made = {key: value for key, value in document.items() if not isinstance(value, list)}
    made["base"] = base["ms_swift"]
    if _NAMES in document:
        here, there = set(document[_NAMES]), set(base[_NAMES])
        made["gone_templates"] = sorted(there - here)
        made[_NAMES] = sorted(here - there)
    for key, name in _LINES.items():
        if key not in document:
            continue
        lines, others = _grouped(document[key], name), _grouped(base[key], name)
        made[f"gone_{key}"] = [one for one in others if one not in lines]
        changed = [one for one in lines if lines[one] != others.get(one)]
        if key == _ORDERED:
            made["order"] = " ".join(lines)
        made[key] = [line for one in changed for line in lines[one]]
    return made


def restored(difference: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The dump that `reduced` was made of.

    Raises:
        KeyError: If it was made against another dump.
    """
    if difference["base"] != base["ms_swift"]:
        raise KeyError(difference["base"])
    made = {key: difference[key] for key in ("format", "ms_swift", "transformers")}
    if _NAMES in difference:
        kept = set(base[_NAMES]) - set(difference["gone_templates"])
        made[_NAMES] = sorted(kept | set(difference[_NAMES]))
    for key, name in _LINES.items():
        if key not in difference:
            continue
        lines = _grouped(base[key], name) | _grouped(difference[key], name)
        for one in difference[f"gone_{key}"]:
            del lines[one]
        order = difference["order"].split(" ") if key == _ORDERED else sorted(lines)
        made[key] = list(itertools.chain.from_iterable(lines[one] for one in order))
    return made


def _grouped(lines: Iterable[Mapping[str, Any]], name: str) -> dict[str, list[Mapping[str, Any]]]:
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        grouped.setdefault(line[name], []).append(line)
    return grouped


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


FORMAT = 1
FOLDER = Path(__file__).parent / "releases"


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
