"""One tensor under the names that it has on disk and in the loaded model.

transformers loads `model.layers.0…` of an older Qwen2-VL as `model.language_model.layers.0…`
and saves it under either name, by its version; an adapter always has the loaded one. What
differs are the segments that say which wrapper a module sits in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_WRAPPERS = frozenset({"base_model", "model", "language_model"})


def canonical(name: str) -> str:
    """The name without the wrappers: `layers.0.mlp.up_proj.weight`."""
    return ".".join(part for part in name.split(".") if part not in _WRAPPERS)


class Names:
    """The tensors of one checkpoint, found by a name from another.

    Args:
        names: All names in it.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._exact = set(names)
        self._canonical: dict[str, list[str]] = {}
        for name in sorted(self._exact):
            self._canonical.setdefault(canonical(name), []).append(name)

    def find(self, name: str) -> str | None:
        """The name that the tensor has here; None if it is not there or there are several."""
        if name in self._exact:
            return name
        found = self._canonical.get(canonical(name), [])
        return found[0] if len(found) == 1 else None
