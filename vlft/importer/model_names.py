"""Published models by the ids that ms-swift 2.x gave them: `qwen2-vl-7b-instruct`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vlft.swift.release import SwiftFacts

_APART: Final = re.compile(r"[^a-z0-9]+")
_OLD_SPELLING: Final = (("1half", "1.5"), ("llama2", "llama-2"))


@dataclass(frozen=True, slots=True)
class Model:
    """A published model.

    Attributes:
        hub_id: `owner/name`.
        model_type: ms-swift's name of its family.
    """

    hub_id: str
    model_type: str


class Published:
    """The models and templates that the installed ms-swift knows.

    Args:
        swift: What it accepts.
    """

    def __init__(self, swift: SwiftFacts) -> None:
        self._swift = swift
        self._models: dict[str, Model] | None = None

    def is_type(self, name: str) -> bool:
        """Whether this is a model_type."""
        return name in self._swift.models()

    def is_multimodal(self, name: str | None) -> bool:
        """Whether a model_type takes images, videos or audio; False for one that is not known."""
        entry = self._swift.models().get(name) if name is not None else None
        return entry is not None and entry.is_multimodal

    @property
    def types(self) -> frozenset[str]:
        """All model_types."""
        return frozenset(self._swift.models())

    def is_template(self, name: str) -> bool:
        """Whether this is a template."""
        return name in self._swift.templates

    def is_known(self, hub_id: str) -> bool:
        """Whether a hub id stands in the registry."""
        return any(hub_id in entry.hub_ids for entry in self._swift.models().values())

    def type_of(self, model: str) -> str | None:
        """The one model_type that ms-swift takes for a folder's name or a hub id."""
        found = self._swift.guess_model_types(model, ())
        return found[0] if len(found) == 1 else None

    def find(self, old: str) -> Model | None:
        """The model that 2.x called so; None if none, or no single one, fits."""
        for before, now in _OLD_SPELLING:
            old = old.replace(before, now)
        return self._by_name().get(_plain(old))

    def _by_name(self) -> dict[str, Model]:
        if self._models is None:
            self._models = {}
            for entry in self._swift.models().values():
                for hub_id in entry.hub_ids:
                    name = _plain(hub_id.rpartition("/")[2])
                    self._models.setdefault(name, Model(hub_id, entry.model_type))
        return self._models


def _plain(name: str) -> str:
    return _APART.sub("", name.lower())
