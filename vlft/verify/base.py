"""Whether an adapter belongs to a base: names, shapes, and what the training recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.verify.names import Names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.verify.adapter import Adapter, LoraModule

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an adapter's parts go.

    Attributes:
        modules: Low-rank module → name of the base's weight that it changes.
        biases: Low-rank module with a bias of B → name of the base's bias.
        saved: Tensor of the base → tensor of the adapter that replaces it.
        added: Names in the loaded model of saved tensors that the base does not have.
    """

    modules: tuple[tuple[LoraModule, str], ...]
    biases: tuple[tuple[LoraModule, str], ...]
    saved: Mapping[str, str]
    added: Mapping[str, str]


def place(adapter: Adapter, base: Mapping[str, tuple[str, tuple[int, ...]]], folder: str) -> Placed:
    """Finds the weights of the base that an adapter changes.

    Args:
        adapter: The adapter.
        base: Tensors of the base, from its headers.
        folder: Of the base, for messages.

    Raises:
        VlftError: If the base lacks a module of the adapter or has it in another shape.
    """
    names = Names(base)
    modules, biases = [], []
    missing: list[str] = []
    for module in adapter.modules:
        weight = names.find(f"{module.module}.weight") or names.find(module.module)
        if weight is None and module.module.endswith("lm_head"):
            weight = names.find("embed_tokens.weight")  # tied: one tensor under two names
        if weight is None:
            missing.append(module.module)
            continue
        _refuse_shape(module, base[weight][1], folder, adapter.fan_in_fan_out)
        modules.append((module, weight))
        if "lora_B.bias" in module.parts:
            bias = names.find(f"{module.module}.bias")
            if bias is None:
                missing.append(f"{module.module}.bias")
            else:
                biases.append((module, bias))
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise VlftError(
            f"the adapter changes {', '.join(missing[:_SHOWN])}{more}, not found in {folder}",
            "it was trained on another model; name that one: --base DIR",
        )
    saved, added = {}, {}
    for loaded, stored in adapter.saved.items():
        name = names.find(loaded)
        if name is None:
            added[loaded] = stored
        elif base[name][1] != adapter.saved_shapes[loaded]:
            raise VlftError(
                f"the adapter replaces `{name}` by {list(adapter.saved_shapes[loaded])}, but in"
                f" {folder} it is {list(base[name][1])}",
                "it was trained on another model; name that one: --base DIR",
            )
        else:
            saved[name] = stored
    return Placed(tuple(modules), tuple(biases), saved, added)


def _refuse_shape(
    module: LoraModule, shape: tuple[int, ...], folder: str, fan_in_fan_out: bool
) -> None:
    if module.shape is None:
        return
    change = module.shape[::-1] if module.embedding or fan_in_fan_out else module.shape
    if change != shape:
        raise VlftError(
            f"the adapter changes `{module.module}` as {list(change)}, but in {folder} it is"
            f" {list(shape)}",
            "it was trained on another model; name that one: --base DIR",
        )
