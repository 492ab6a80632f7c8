"""The shape of what vlft knows about an ms-swift."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

AMBIGUOUS: Final = "ambiguous"

# Folders of the two hubs' caches are named after the commit; the model's name is further up.
_SNAPSHOTS = (
    re.compile(r"/models--(?:.+?--)?(.+?)/snapshots/"),
    re.compile(r"/models/(?:.+?--)?(.+?)/snapshots/"),
)
_FIRST_VERSION_WITH_TODAYS_TYPES = 4


def model_name(path: str) -> str:
    """The name that ms-swift sees in a path or hub id: without owner and cache folders."""
    path = path.rstrip("/")
    for pattern in _SNAPSHOTS:
        if match := pattern.search(path):
            return match[1]
    return path.rsplit("/", 1)[-1].replace("___", ".")  # ModelScope's cache writes ___ for a dot


def _recorded_type(args: Mapping[str, object] | None) -> str | None:
    """The model_type of an args.json; before ms-swift 4 the names were others."""
    recorded = args.get("model_type") if args else None
    if args is None or not isinstance(recorded, str) or not recorded:
        return None
    major = re.match(r"\d+", str(args.get("swift_version") or ""))
    return recorded if major and int(major[0]) >= _FIRST_VERSION_WITH_TODAYS_TYPES else None


Subcommand = Literal["sft", "pt", "rlhf", "export", "infer"]
SUBCOMMANDS: tuple[Subcommand, ...] = ("sft", "pt", "rlhf", "export", "infer")

ArgumentType = Literal["bool", "int", "float", "str", "json"]


class Argument(msgspec.Struct, frozen=True):
    """One argument of a subcommand, as its command line takes it.

    Attributes:
        name: Without dashes, `max_length`.
        type: Of one value. json: a JSON object as text, or a name or file that ms-swift
            takes in its place (`deepspeed: zero3`).
        defined_in: The dataclass that declares it, with its module.
        commands: Subcommands that take it.
        many: Whether it takes one or more values.
        optional: Whether None is legal inside ms-swift. A command line says it by leaving
            the argument out.
        choices: All legal values as text; None if it is open.
        default: A JSON value; None if it is None, is no JSON, or is a path of the machine.
        settable: False if no text at all is accepted: argparse can't build the type.
        flag: What this release calls it on the command line, where that is not its name of
            today; None where it is.
    """

    name: str
    type: ArgumentType
    defined_in: str
    commands: tuple[Subcommand, ...] = msgspec.field(name="in")
    many: bool = False
    optional: bool = False
    choices: tuple[str, ...] | None = None
    default: object = None
    settable: bool = True
    flag: str | None = None


Arguments: TypeAlias = dict[str, tuple[str, ...]]
"""Argument of ms-swift → its values as text; one for most, several for a list."""


def as_flags(arguments: Arguments, legal: Mapping[str, Argument]) -> Arguments:
    """Arguments by the names that a release has on its command line.

    Args:
        arguments: Name of today → values.
        legal: What the release accepts, by name of today.
    """
    return {
        (legal[name].flag or name) if name in legal else name: values
        for name, values in arguments.items()
    }


class ModelGroup(msgspec.Struct, frozen=True, dict=True):
    """Published models of one type that share a template.

    Attributes:
        hub_ids: `owner/name` on ModelScope or Hugging Face.
        template: The group's; None if the model type's holds.
        requires: Requirements in place of the model type's; empty if that one's hold.
    """

    hub_ids: tuple[str, ...] = msgspec.field(name="ids")
    template: str | None = None
    requires: tuple[str, ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Folder names that ms-swift takes for these models, lower case."""
        return tuple(dict.fromkeys(name.rsplit("/", 1)[-1].lower() for name in self.hub_ids))


class ModelEntry(msgspec.Struct, frozen=True):
    """One model_type of ms-swift's registry.

    Attributes:
        model_type: ms-swift's name, not that of config.json.
        architectures: Class names in config.json that lead to it.
        groups: The published models.
        template: The template of all its groups; None where the groups name their own.
        is_multimodal: Whether it takes images, videos or audio.
        requires: Requirements such as `transformers>=4.45`; ms-swift only warns about them.
    """

    model_type: str
    architectures: tuple[str, ...]
    groups: tuple[ModelGroup, ...]
    template: str | None = None
    is_multimodal: bool = False
    requires: tuple[str, ...] = ()

    @property
    def hub_ids(self) -> tuple[str, ...]:
        """`owner/name` of all published models of this type."""
        return tuple(dict.fromkeys(name for group in self.groups for name in group.hub_ids))

    @property
    def templates(self) -> tuple[str, ...]:
        """Templates that one of its models uses, the type's own first."""
        used = [self.template, *(group.template for group in self.groups)]
        return tuple(dict.fromkeys(name for name in used if name is not None))


def _no_models() -> Mapping[str, ModelEntry]:
    return {}


@dataclass(frozen=True)
class SwiftFacts:
    """What the ms-swift that will run accepts.

    Attributes:
        version: Of ms-swift.
        arguments: Subcommand → name of today → argument.
        templates: Names of all templates.
        transformers: Version of transformers that the arguments were read with; the ones
            that `transformers.training_args` defines vary with it.
        load_models: Reads the model registry; `models()` calls it.
    """

    version: str
    arguments: Mapping[Subcommand, Mapping[str, Argument]]
    templates: frozenset[str] = frozenset()
    transformers: str = ""
    load_models: Callable[[], Mapping[str, ModelEntry]] = field(
        default=_no_models, repr=False, compare=False
    )

    def models(self) -> Mapping[str, ModelEntry]:
        """model_type → entry, in the order in which ms-swift looks for a name; read once."""
        return self.load_models()

    def guess_model_types(
        self,
        model: str,
        architectures: Sequence[str],
        args: Mapping[str, object] | None = None,
    ) -> tuple[str, ...]:
        """The model_types that ms-swift considers for a folder or hub id.

        Args:
            model: What `--model` is given.
            architectures: From config.json; only the first one counts.
            args: The folder's args.json, if it has one.

        Returns:
            One: ms-swift takes it (from args.json it may be unregistered, then it fails). Several:
            it fails and asks for `--model_type`. None: a multimodal model fails, a text model
            runs without a template.
        """
        matched = self._match_name(model)
        if matched is not None:
            return (matched[0].model_type,)
        recorded = _recorded_type(args)
        if recorded is not None:
            return (recorded,)
        wanted = architectures[0] if architectures else None
        return tuple(
            entry.model_type
            for entry in self.models().values()
            # Without architectures ms-swift looks for the types that have none either.
            if (wanted in entry.architectures if wanted else not entry.architectures)
        )

    def default_template(
        self, model_type: str | None, model: str, args: Mapping[str, object] | None = None
    ) -> str | None:
        """The template that ms-swift takes where `--template` is not given.

        Args:
            model_type: What the guess, or `--model_type`, gave.
            model: What `--model` is given; the last part of a path counts.
            args: The folder's args.json, if it has one.

        Returns:
            Its name; "ambiguous" if several fit, and None if none is known: ms-swift then
            fails and asks for `--template`.
        """
        recorded = args.get("template") if args else None
        if isinstance(recorded, str) and recorded:
            return recorded
        matched = self._match_name(model)
        if matched is not None and matched[0].model_type == model_type and matched[1].template:
            return matched[1].template
        entry = self.models().get(model_type) if model_type else None
        if entry is None:
            return None
        if entry.template is not None:
            return entry.template
        candidates = entry.templates
        return AMBIGUOUS if len(candidates) > 1 else next(iter(candidates), None)

    def _match_name(self, path: str) -> tuple[ModelEntry, ModelGroup] | None:
        """The first registered model of that name."""
        return self._by_name.get(model_name(path).lower())

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[ModelEntry, ModelGroup]]:
        found: dict[str, tuple[ModelEntry, ModelGroup]] = {}
        for entry in self.models().values():
            for group in entry.groups:
                for hub_id in group.hub_ids:
                    found.setdefault(hub_id.rsplit("/", 1)[-1].lower(), (entry, group))
        return found
