"""Tied weights as a list of names, which transformers 5 wants as a mapping to what they share.

With a list, models whose embeddings are tied don't load, and none can be saved: a merge fails
after all its work.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from .own_code_classes import IS_TRANSFORMERS_5, note

_NAMES = "_tied_weights_keys"


def mend(kind: type[Any]) -> None:
    """Makes a class write its ties as a mapping, as soon as its parts are there."""
    if not IS_TRANSFORMERS_5 or not isinstance(vars(kind).get(_NAMES), (list, tuple)):
        return
    original = kind.post_init

    @wraps(original)
    def post_init(self: Any) -> None:
        names = getattr(kind, _NAMES)
        if isinstance(names, (list, tuple)):
            setattr(kind, _NAMES, _mapping(self, names))
            note(kind, f"{kind.__name__} lists its tied weights, now a mapping to the embedding")
        original(self)

    kind.post_init = post_init


def _mapping(model: Any, names: list[str] | tuple[str, ...]) -> dict[str, str] | None:
    """The names with that of the input embedding, which is what such lists mean."""
    shared = getattr(model.get_input_embeddings(), "weight", None)
    source = next((name for name, one in model.named_parameters() if one is shared), None)
    return None if source is None else dict.fromkeys(names, source)
