"""Whether an adapter belongs to a base: names, shapes, and what the training recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.export.adapter import Names, canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.export.adapter import Adapter, LoraModule

_SHOWN = 3
_HINT = "it was trained on another model; name that one: --base DIR"


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an adapter's parts go.

    Attributes:
        modules: Low-rank module → name of the base's weight that it changes.
        biases: Low-rank module with a bias of B → name of the base's bias.
        saved: Tensor of the base → tensor of the adapter that replaces it.
        added: Names in the loaded model of saved tensors that the base does not have.
        opaque: Canonical beginnings of names of tensors that change in a way not known here.
    """

    modules: tuple[tuple[LoraModule, str], ...]
    biases: tuple[tuple[LoraModule, str], ...]
    saved: Mapping[str, str]
    added: Mapping[str, str]
    opaque: frozenset[str]


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
    modules, biases, opaque = [], [], set()
    missing: list[str] = []
    for module in adapter.modules:
        weight = _weight(names, module)
        if weight is not None:
            if adapter.linear:
                _refuse_shape(module, base[weight][1], folder, adapter.fan_in_fan_out)
            modules.append((module, weight))
        elif adapter.linear:
            missing.append(module.module)
        else:
            opaque.add(canonical(module.module))  # parameters of experts, by a name of peft's own
        if "lora_B.bias" in module.parts:
            bias = names.find(f"{module.module}.bias")
            if bias is None:
                missing.append(f"{module.module}.bias")
            else:
                biases.append((module, bias))
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise VlftError(
            f"the adapter changes {', '.join(missing[:_SHOWN])}{more}, not found in {folder}", _HINT
        )
    saved, added = _saved(adapter, base, names, folder)
    return Placed(tuple(modules), tuple(biases), saved, added, frozenset(opaque))


def _weight(names: Names, module: LoraModule) -> str | None:
    found = names.find(f"{module.module}.weight") or names.find(module.module)
    if found is None and module.module.endswith("lm_head"):
        return names.find("embed_tokens.weight")  # tied: one tensor under two names
    return found


def _saved(
    adapter: Adapter, base: Mapping[str, tuple[str, tuple[int, ...]]], names: Names, folder: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Tensors that replace those of the base, and those that it does not have."""
    saved, added = {}, {}
    for loaded, stored in adapter.saved.items():
        name = names.find(loaded)
        if name is None:
            added[loaded] = stored
        elif base[name][1] != adapter.saved_shapes[loaded]:
            raise VlftError(
                f"the adapter replaces `{name}` by {list(adapter.saved_shapes[loaded])}, but in"
                f" {folder} it is {list(base[name][1])}",
                _HINT,
            )
        else:
            saved[name] = stored
    return saved, added


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
            _HINT,
        )
