"""Plain data with places → a typed Config, with every mistake as a finding at its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from vlft.config.extends import load
from vlft.config.schema import Config, config_with
from vlft.config.validation_errors import by_place, complaint
from vlft.engines import section_names
from vlft.text import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vlft.config.source import KeyPath, Source
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


@dataclass(frozen=True)
class LoadedConfig:
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
