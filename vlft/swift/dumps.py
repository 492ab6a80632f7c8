"""What each release of ms-swift accepts: the dumps that vlft ships, and names that are gone."""

from __future__ import annotations

import functools
import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from vlft.swift.release import SUBCOMMANDS, Argument, ModelEntry, ModelGroup, Subcommand, SwiftFacts
from vlft.swift.versions import release

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1
FOLDER: Final = Path(__file__).parent / "releases"
_NAMES: Final = Path(__file__).parent / "names.json"
_SUFFIX: Final = ".json.gz"
_GZIP: Final = 31  # zlib's `wbits` for a gzip header; the module gzip takes longer to import

_BEFORE_4: Final = {
    "tuner_type": "train_type",
    "eval_metric": "metric",
    "safe_serialization": "save_safetensors",
    "mcore_adapter": "mcore_adapters",
}
"""Name of today → the one before 4.0."""

_SAME: Final = {"infer": frozenset({"metric"})}
"""Names that a subcommand has still."""


class DumpError(ValueError):
    """A text is no dump of this format."""


def shipped_versions() -> tuple[str, ...]:
    """Versions of ms-swift that vlft ships a dump for, the newest first."""
    versions = (path.name.removesuffix(_SUFFIX) for path in FOLDER.glob(f"*{_SUFFIX}"))
    return tuple(sorted(versions, key=release, reverse=True))


def read_shipped(version: str) -> SwiftFacts | None:
    """The shipped dump for exactly this version; None if there is none."""
    text = shipped_text(version)
    return None if text is None else parse_dump(text, "shipped")


def shipped_text(version: str) -> bytes | None:
    """A shipped dump as it was printed; None if there is none for this version."""
    try:
        return zlib.decompress((FOLDER / f"{version}{_SUFFIX}").read_bytes(), _GZIP)
    except OSError:
        return None


def parse_dump(text: str | bytes, origin: Literal["shipped", "probed"]) -> SwiftFacts:
    """The dump in a text; the models of a shipped one are parsed when they are asked for.

    Raises:
        DumpError: The text is none.
    """
    try:
        facts = _facts(json.loads(text), origin)
        if origin == "probed":  # a broken half shows now, where it can still be asked again
            facts.models()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DumpError(repr(error)) from None
    return facts


def _facts(document: Mapping[str, Any], origin: Literal["shipped", "probed"]) -> SwiftFacts:
    facts, models = document["facts"], document["models"]["models"]
    if facts["format"] != FORMAT:
        raise ValueError(f"format {facts['format']!r}")
    arguments: dict[Subcommand, dict[str, Argument]] = {name: {} for name in SUBCOMMANDS}
    for spec in facts["arguments"]:
        argument = _argument(spec)
        for subcommand in spec["in"]:
            arguments[subcommand][argument.name] = argument
    return SwiftFacts(
        version=facts["ms_swift"],
        arguments={key: by_names_of_today(value, key) for key, value in arguments.items()},
        origin=origin,
        templates=frozenset(facts["templates"]),
        transformers=facts["transformers"],
        load_models=functools.cache(lambda: {spec["model_type"]: _model(spec) for spec in models}),
    )


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


@dataclass(frozen=True, slots=True)
class OldName:
    """An argument that is gone.

    Attributes:
        name: What it was called.
        new: What it is called now; None if nothing took its place.
        last_seen: The last release that had it: `2.6.1`.
    """

    name: str
    new: str | None
    last_seen: str

    @property
    def gone(self) -> str:
        """When it went, for the end of a sentence."""
        return "since v3" if self.last_seen.startswith("2.") else f"since after v{self.last_seen}"


def old_name(subcommand: str, name: str) -> OldName | None:
    """What became of an argument; None if no release had it and dropped it.

    Args:
        subcommand: `sft` and what shares its arguments (`pt`, `rlhf`), or `export`.
        name: With underscores or hyphens.
    """
    plain = name.replace("-", "_")
    found = _names()["export" if subcommand == "export" else "sft"].get(plain)
    return OldName(plain, found[0], found[1]) if found else None


@functools.cache
def _names() -> Any:
    """The file; read once, and only when an argument is unknown."""
    return json.loads(_NAMES.read_bytes())
