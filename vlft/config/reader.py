"""Plain data with places → a typed Config, with every mistake as a finding at its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from vlft.config.extends import load
from vlft.config.schema import Config
from vlft.config.validation_errors import by_place, complaint
from vlft.text import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from vlft.config.source import KeyPath, Source
    from vlft.findings import Finding


@dataclass(frozen=True)
class LoadedConfig:
    """A config and where each of its values was written.

    Attributes:
        config: The typed sections.
        source: The same as plain data with places.
        broken: Top-level sections that lack what was wrong in them. Empty for a config that
            can be run; the others can still be judged.
    """

    config: Config
    source: Source
    broken: frozenset[str] = frozenset()

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
    form = config_form(data)
    form.complete()
    try:
        return LoadedConfig(form.model_validate(data), source), source, findings
    except ValidationError as error:
        mistakes = by_place(error, data)
    findings.extend(complaint(path, details, source) for path, details in mistakes.items())
    try:
        config = form.model_validate(_without(data, mistakes))
    except ValidationError:
        return None, source, findings
    return LoadedConfig(config, source, _broken(mistakes)), source, findings


def config_form(data: Mapping[str, Any]) -> type[Config]:
    """The class that knows all sections of this data."""
    if "slurm" not in data and "kubernetes" not in data:
        return Config
    from vlft.config.schema_full import WholeConfig  # noqa: PLC0415 - builds what few configs need

    return WholeConfig


def _broken(mistakes: Iterable[KeyPath]) -> frozenset[str]:
    """Sections that a mistake stands in, or was meant for."""
    sections = {str(path[0]) for path in mistakes}
    meant = {nearest(section, Config.model_fields) for section in sections}
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
