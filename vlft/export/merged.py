"""What a merge must have made of a base and an adapter, as names, shapes and a job of values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlft.export.adapter import Names, canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.export.adapter import Adapter
    from vlft.export.adapter_base import Placed
    from vlft.probe.checkpoint import Checkpoint

    Headers = Mapping[str, tuple[str, tuple[int, ...]]]

# Buffers that models compute, and heads for speculative decoding: transformers leaves them out
# when it loads a model (_keys_to_ignore_on_load_unexpected), so a merge can't have them.
_NOT_LOADED = re.compile(r"(^|.*\.)(inv_freq|position_ids|masked_bias)|mtp\..*")
_TIED = ("lm_head.weight", "language_model.lm_head.weight")


@dataclass(frozen=True, slots=True)
class Base:
    """The model under an adapter.

    Attributes:
        checkpoint: Its folder.
        headers: Its tensors: name → (safetensors type, shape); of pickles too.
    """

    checkpoint: Checkpoint
    headers: Headers


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found right.

    Attributes:
        tensors: Tensors of the base that are there, changed or not as they should be.
        sampled_layers: Changed tensors that were recomputed element by element.
        max_abs_error: Largest distance from what was recomputed; 0 where all bits agree.
    """

    tensors: int
    sampled_layers: int
    max_abs_error: float

    def to_json(self) -> dict[str, Any]:
        """The documented object `verified` of `vlft merge --format json`."""
        return {
            "tensors": self.tensors,
            "sampled_layers": self.sampled_layers,
            "max_abs_error": self.max_abs_error,
        }


def compare_headers(base: Headers, merged: Checkpoint, placed: Placed) -> list[str]:
    """What is wrong with a merge as far as names and shapes tell; nothing if it is right."""
    problems = [f"{name} {problem}" for name, problem in merged.problems.items()]
    if not merged.weight_files:
        problems.append("it has no weights")
    if problems:
        return problems
    made, names = merged.tensors(), Names(merged.tensors())
    found = set()
    for name, (_, shape) in base.items():
        here = names.find(name)
        if here is None:
            if not (_NOT_LOADED.fullmatch(name) or _is_tied(name, merged)):
                problems.append(f"`{name}` of the base is missing")
        else:
            found.add(here)
            if made[here][1] != shape:
                problems.append(f"`{here}` is {list(made[here][1])}, in the base {list(shape)}")
    added = {names.find(name) for name in placed.added}
    problems += [
        f"`{name}` is neither in the base nor in the adapter"
        for name in made
        if name not in found and name not in added and name not in _TIED
    ]
    return problems


def value_job(
    base: Base, merged: Checkpoint, source: Checkpoint, adapter: Adapter, placed: Placed
) -> dict[str, Any]:
    """The job of vlft/trainer_side/verify_merge.py: which tensor is made of which.

    Args:
        base: The base.
        merged: The merge; its headers are right.
        source: The adapter's folder.
        adapter: The adapter.
        placed: Where its parts go.
    """
    names = Names(merged.tensors())
    roles = _roles(adapter, placed)
    tensors: list[dict[str, Any]] = []
    for name in base.headers:
        here = names.find(name)
        if here is None or (name in _TIED and merged.tied_embeddings):
            continue  # a tied output layer is the embedding, under a second name
        unknown = any(canonical(name).startswith(part) for part in placed.opaque)
        role = {"opaque": True} if unknown else roles.get(name, {})
        tensors.append({"base": name, "merged": here} | role)
    for loaded, stored in placed.added.items():
        here = names.find(loaded)
        if here is not None:
            tensors.append({"base": None, "merged": here, "saved": stored})
    return {
        "base": _files(base.checkpoint),
        "merged": _files(merged),
        "adapter": _files(source),
        "tensors": tensors,
    }


def _roles(adapter: Adapter, placed: Placed) -> dict[str, dict[str, Any]]:
    """Tensor of the base → what the adapter makes of it."""
    roles: dict[str, dict[str, Any]] = {}
    for module, weight in placed.modules:
        if not adapter.linear or module.shape is None:
            roles[weight] = {"opaque": True}
            continue
        kind = "lora_embedding" if module.embedding else "lora"
        lora = {
            "a": module.parts[f"{kind}_A"],
            "b": module.parts[f"{kind}_B"],
            "magnitude": module.parts.get("lora_magnitude_vector"),
            "scaling": module.scaling,
            "transposed": module.embedding or adapter.fan_in_fan_out,
        }
        roles[weight] = {"lora": lora}
    for module, name in placed.biases:
        roles[name] = {"bias": {"b": module.parts["lora_B.bias"], "scaling": module.scaling}}
    for name, stored in placed.saved.items():
        roles[name] = {"saved": stored}
    return roles


def _files(checkpoint: Checkpoint) -> list[str]:
    return [f"{checkpoint.path}/{name}" for name in checkpoint.weight_files]


def _is_tied(name: str, merged: Checkpoint) -> bool:
    return name in _TIED and merged.tied_embeddings is not False
