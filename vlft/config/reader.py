"""Plain data with places → a typed Config, with every mistake as a finding at its place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from pydantic import ValidationError

from vlft.config.entry import KeyPath, dotted
from vlft.config.schema import ARGUMENTS, ENVIRONMENT, Config, Section, config_with
from vlft.config.source import Source, load
from vlft.engines import section_names
from vlft.security.secrets import MASK, is_secret_name, mask
from vlft.text import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from vlft.findings import Finding

READER_RULES: Final[dict[str, str]] = {
    "config.alias": "An alias (`*name`) refers to an anchor set above it, outside of itself.",
    "config.ambiguous-scalar": "A plain value means the same to every reader of YAML.",
    "config.control-character": "The text holds no control characters.",
    "config.documents": "A file holds one YAML document.",
    "config.duplicate-key": "A key is set once in a map.",
    "config.empty": "A config is not empty.",
    "config.encoding": "A config is in UTF-8.",
    "config.extends": "`extends` names config files that exist, without a circle.",
    "config.key-type": "A key is text.",
    "config.merge": "A merge key (`<<`) takes a map, or a list of maps.",
    "config.missing": "The config file exists.",
    "config.missing-key": "The keys without a default are there.",
    "config.not-a-file": "A config is a regular file.",
    "config.number": "A number can be read as one, and is finite.",
    "config.override": "`--set` has the form key=value, and its key can be set.",
    "config.root": "A config is a map of sections.",
    "config.syntax": "A config is YAML.",
    "config.tag": "A config holds no tags but those of YAML's own types.",
    "config.too-deep": "Maps and lists do not stand deeper in each other than the limit.",
    "config.too-large": "A config is not larger than the limit.",
    "config.too-many-mistakes": "A file has fewer mistakes than are worth listing.",
    "config.too-many-nodes": "A config holds fewer keys and values than the limit.",
    "config.type": "A value has the type, the bounds and the choices of its key.",
    "config.unknown-key": "A key exists in its section.",
    "config.unreadable": "The config file can be read.",
    "config.unused-ignore": "A comment `# vlft: ignore[rule]` names what is found on its line.",
}
"""Id → sentence. All are errors but `config.unused-ignore`, a warning."""


class LoadedConfig(Struct, frozen=True):
    """A config and where each of its values was written.

    Attributes:
        config: The typed sections.
        source: The same as plain data with places.
        broken: Top-level sections that lack what was wrong in them. Empty for a config that
            can be run; the others can still be judged.
        findings: What the reader found.
    """

    config: Config
    source: Source
    broken: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()

    @property
    def deepspeed(self) -> tuple[str, Path | None]:
        """What `deepspeed` names, a preset or a file, and the path that it is as a file."""
        text = self.config.deepspeed
        return text or "", self.source.absolute(text, ("deepspeed",))

    @property
    def passed_texts(self) -> frozenset[str]:
        """Texts under `swift:`, any of which may be a file."""
        values = self.config.swift.values()
        items = (item for one in values for item in (one if isinstance(one, list) else [one]))
        return frozenset(item for item in items if isinstance(item, str))

    def written(self, path: KeyPath, value: object) -> str:
        """A scalar as the user wrote it (`1e-4`), else as YAML writes it.

        Products and defaults have no such text: theirs is the number itself.
        """
        text = self.source.text(path)
        if isinstance(value, bool):
            return str(value).lower()
        if text is None or (isinstance(value, int) and not text.lstrip("+-").isdecimal()):
            return str(value)
        return text


def read_config(
    file: str | Path, overrides: Sequence[str] = ()
) -> tuple[LoadedConfig | None, Source | None, list[Finding]]:
    """Reads a config file with its bases and overrides.

    Returns:
        The config (None if too much of it is wrong to say more), its source (None if it
        can't be read at all) and all findings.
    """
    source, findings = load(file, overrides)
    if source is None:
        return None, None, findings
    data = _without_nulls(source.data)
    form = config_with(data)
    form.complete()
    try:
        config = form.model_validate(data)
    except ValidationError as error:
        mistakes = by_place(error, data)
    else:
        return LoadedConfig(config, source, findings=tuple(findings)), source, findings
    findings.extend(complaint(path, details, source) for path, details in mistakes.items())
    try:
        config = form.model_validate(_without(data, mistakes))
    except ValidationError:
        return None, source, findings
    return LoadedConfig(config, source, _broken(mistakes), tuple(findings)), source, findings


def _broken(mistakes: Iterable[KeyPath]) -> frozenset[str]:
    """Sections that a mistake stands in, or was meant for."""
    sections = {str(path[0]) for path in mistakes}
    known = {*Config.model_fields, *section_names()}
    meant = {nearest(section, known) for section in sections}
    return frozenset(sections | {section for section in meant if section})


def _without(data: Any, paths: Iterable[KeyPath]) -> Any:
    """Plain data less what stands at the given paths."""
    removed: dict[str | int, list[KeyPath]] = {}
    for path in paths:
        if path:
            removed.setdefault(path[0], []).append(path[1:])
    entries = data.items() if isinstance(data, dict) else enumerate(data)
    kept = {
        key: _without(value, removed[key]) if key in removed else value
        for key, value in entries
        if () not in removed.get(key, [])
    }
    return kept if isinstance(data, dict) else list(kept.values())


def _without_nulls(data: dict[str, Any]) -> dict[str, Any]:
    """An empty section or value (`train:`) is one that is not there."""
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in data.items()
        if value is not None
    }


def by_place(error: ValidationError, data: object) -> dict[KeyPath, list[ErrorDetails]]:
    """Pydantic's complaints by place; it has one for each member of a union."""
    grouped: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        grouped.setdefault(_key_path(detail, data), []).append(detail)
    return grouped


def _key_path(detail: ErrorDetails, data: Any) -> KeyPath:
    """The part of pydantic's location that exists in the file (it appends union members)."""
    if detail["type"] == "missing":
        return detail["loc"]
    path: KeyPath = ()
    for part in detail["loc"]:
        here = dict(enumerate(data)) if isinstance(data, list) else data
        if not isinstance(here, dict) or part not in here:
            break
        data = here[part]
        path = (*path, part)
    return path


def complaint(path: KeyPath, details: Sequence[ErrorDetails], source: Source) -> Finding:
    """What is wrong at one place, and what to write instead."""
    kind, name = details[0]["type"], dotted(path)
    if kind == "extra_forbidden":
        section = f"`{dotted(path[:-1])}`" if len(path) > 1 else "a config"
        message, hint = f"there is no key `{path[-1]}` in {section}", _unknown_key_hint(path)
        return source.finding("config.unknown-key", "error", path, message, hint, at_key=True)
    if kind == "missing":
        message, hint = f"`{name}` is missing", _MISSING_HINTS.get(name)
        return source.finding("config.missing-key", "error", path, message, hint)
    entry = source.entry(path)
    value = None if entry is None else entry.data  # None, too, for what validation took for empty
    expected = " or ".join(dict.fromkeys(map(_expected, details)))
    message = f"`{name}` is {_shown(path, value)}; it must be {expected}"
    return source.finding("config.type", "error", path, message, _choice_hint(value, details))


_MISSING_HINTS = {
    "model": "write `model: {path: FOLDER}`",
    "model.path": "write the model's folder or its id on a hub",
    "data": "write `data: {train: [train.jsonl]}`",
    "data.train": "write the training files: `train: [train.jsonl]`",
    "quant.bits": "write `bits: 4`",
    "quant.method": "write `method: bnb`; ms-swift ignores the bits without a method",
}


def _unknown_key_hint(path: KeyPath) -> str | None:
    """The key to write instead: a misspelt neighbour, its owner, or `swift:`."""
    name = str(path[-1])
    close = nearest(name, legal_keys(path[:-1]))
    if close:
        return f"did you mean `{close}`?"
    owner = ARGUMENTS.get(name) or ENVIRONMENT.get(name)
    if owner is not None:
        is_inner = "." in owner
        return f"write it as `{owner}`" if is_inner else f"`{owner}` is a top-level key"
    if name.isupper():
        return "environment variables stand under `env:`"
    elsewhere = nearest(name, [owner.rpartition(".")[2] for owner in ARGUMENTS.values()])
    if elsewhere:
        owners = [owner for owner in ARGUMENTS.values() if owner.rpartition(".")[2] == elsewhere]
        return f"did you mean `{owners[0]}`?"
    return "an argument of ms-swift that has no section stands under `swift:`"


def legal_keys(path: KeyPath) -> list[str]:
    """The keys of the section at `path`; none if it is not a section."""
    section: type[Section] | None = config_with(section_names())
    for part in path:
        section = section.section_at(str(part)) if section else None
    return list(section.model_fields) if section else []


def _expected(detail: ErrorDetails) -> str:
    """What would have been right, in a few words."""
    text = _EXPECTED.get(detail["type"])
    if text is None:
        return detail["msg"][:1].lower() + detail["msg"][1:]
    return text.format(**detail.get("ctx", {}))


_EXPECTED = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "too_short": "a list of at least one item",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a section: a mapping of keys to values",
}


def _choice_hint(value: object, details: Sequence[ErrorDetails]) -> str | None:
    if not isinstance(value, str):
        return None
    choices = [
        choice.strip("'\" ")
        for detail in details
        if detail["type"] == "literal_error"
        for choice in re.split(", | or ", str(detail.get("ctx", {}).get("expected")))
    ]
    close = nearest(value, choices)
    return f"did you mean `{close}`?" if close else None


def _shown(path: KeyPath, value: object) -> str:
    """A value as an error shows it: short, never a whole section, and never a secret."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if any(is_secret_name(str(part)) for part in path):
        return f"`{MASK}`"
    return f"`{mask(str(value))[:60]}`"
