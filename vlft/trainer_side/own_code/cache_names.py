"""Names of Cache objects that transformers has taken away since such code was written.

Of 4.41, which the Phi-3 inside InternVL2-4B was written for; each says what it said there of a
cache without a limit, which is the only kind that `generate` makes by itself.
"""

from __future__ import annotations

import sys
from typing import Any

from transformers import DynamicCache  # noqa: TID253 - this is the trainer's process

from .own_code_classes import note


def mend(kind: type[Any]) -> bool:
    """Gives caches back the names that the code around a class asks them for.

    Returns:
        Whether it asks for any: such code takes an empty cache for one that was filled, and is
        better served with tuples, which it knows as well.
    """
    used = [name for name in _NAMES if name in _names_in(kind)]
    given = [name for name in used if not hasattr(DynamicCache, name)]
    for name in given:
        setattr(DynamicCache, name, _NAMES[name])
    if given:
        listed = ", ".join(given)
        note(kind, f"{kind.__name__} asks caches for {listed}, which they had in transformers 4")
    return bool(used)


def _names_in(kind: type[Any]) -> set[str]:
    """Every name that a method of a class in this module looks up."""
    module = sys.modules[kind.__module__]
    classes = [one for one in vars(module).values() if isinstance(one, type)]
    own = [one for one in classes if one.__module__ == kind.__module__]
    codes = [getattr(part, "__code__", None) for one in own for part in vars(one).values()]
    return {name for code in codes if code is not None for name in code.co_names}


def _from_legacy_cache(pairs: Any = None) -> Any:
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(pairs or ()):
        cache.update(keys, values, layer)
    return cache


def _to_legacy_cache(self: Any) -> Any:
    return tuple((one.keys, one.values) for one in self.layers if one.keys is not None)


def _usable_length(self: Any, _new: int, layer_idx: int = 0) -> int:
    return int(self.get_seq_length(layer_idx))


_NAMES: dict[str, Any] = {
    "from_legacy_cache": staticmethod(_from_legacy_cache),
    "to_legacy_cache": _to_legacy_cache,
    "get_usable_length": _usable_length,
    "get_max_length": lambda _: None,
    "seen_tokens": property(lambda self: self.get_seq_length()),
}
