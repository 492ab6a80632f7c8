"""Buffers that are computed in `__init__` and not stored, such as the tables of rotary positions.

transformers 5 makes a model on the meta device, where nothing is computed, and gives such buffers
memory as it finds it: the logits become NaN, or merely wrong, in silence. Its own models compute
them again in `_init_weights`; older code does not. Here the weights alone are made on the meta
device, as transformers 4 did, and the buffers' values outlive the loading.
"""

from __future__ import annotations

from typing import Any

import torch  # noqa: TID253 - this is the trainer's process
from accelerate import init_empty_weights

from .own_code_classes import IS_TRANSFORMERS_5, is_own_code, note

_MOVE = "_move_missing_keys_from_meta_to_device"


def mend(kind: type[Any]) -> None:
    """Makes the model that is loaded as this class keep the buffers that its parts compute."""
    if not IS_TRANSFORMERS_5 or _MOVE in vars(kind) or not hasattr(kind, _MOVE):
        return
    contexts: Any = kind.get_init_context.__func__
    move = getattr(kind, _MOVE)

    def get_init_context(cls: type[Any], *args: Any, **options: Any) -> list[Any]:
        found = contexts(cls, *args, **options)
        return [
            init_empty_weights(include_buffers=False) if _is_meta(one) else one for one in found
        ]

    def moved(self: Any, *args: Any, **options: Any) -> None:
        kept = {name: one for name, one in self.named_non_persistent_buffers() if not one.is_meta}
        move(self, *args, **options)
        with torch.no_grad():
            for name, value in kept.items():
                self.get_buffer(name).copy_(value)
        owners = {type(self.get_submodule(name.rpartition(".")[0])) for name in kept}
        for owner in filter(is_own_code, owners):
            note(
                owner,
                f"the buffers of {owner.__name__} are not stored, so they are kept as computed",
            )

    kind.get_init_context = classmethod(get_init_context)
    setattr(kind, _MOVE, moved)


def _is_meta(context: object) -> bool:
    return isinstance(context, torch.device) and context.type == "meta"
