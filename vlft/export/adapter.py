"""What an adapter does to which weights of its base, read from its config and its header.

Scaling and patterns as in peft (peft/tuners/lora/model.py, peft/utils/other.py:
get_pattern_key); the arithmetic of LoRA is arXiv:2106.09685, of rank-stabilised LoRA
arXiv:2312.03732, of DoRA arXiv:2402.09353.
"""

from __future__ import annotations

import re
from math import sqrt
from typing import TYPE_CHECKING

from msgspec import Struct

from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vlft.probe.checkpoint import Checkpoint
    from vlft.probe.safetensors import Tensors

_PREFIX = "base_model.model."
_PART = re.compile(
    r"(?P<module>.+)\.(?P<part>lora_A|lora_B|lora_E|lora_embedding_A|lora_embedding_B"
    r"|lora_magnitude_vector|ranknum)(?P<end>\.weight|\.bias)?"
)
_MATRIX = 2


class LoraModule(Struct, frozen=True):
    """One module that low-rank matrices are added to.

    Attributes:
        name: Its path in the loaded model.
        parts: `lora_A`, `lora_B`, … → name of the tensor in the adapter file.
        scaling: What B·A is multiplied by.
        shape: Of the change, as (rows, columns); None if it can't be recomputed: A and B are no
            matrices, or the change is neither B·A times the scaling nor DoRA's.
        transposed: Whether the change is (B·A) transposed: of an embedding, or of weights that
            are stored as (in, out).
    """

    name: str
    parts: Mapping[str, str]
    scaling: float
    shape: tuple[int, int] | None
    transposed: bool


class Adapter(Struct, frozen=True):
    """What an adapter folder says.

    Attributes:
        modules: With low-rank matrices.
        saved: Tensors that replace those of the base (modules_to_save, biases): name in the
            loaded model → name in the file, shape.
        linear: Whether the change is B·A times the scaling, or DoRA's: what can be recomputed.
    """

    modules: tuple[LoraModule, ...]
    saved: Mapping[str, tuple[str, tuple[int, ...]]]
    linear: bool


def read_adapter(checkpoint: Checkpoint) -> Adapter:
    """The adapter in a folder.

    Raises:
        VlftError: If a file is missing or cut short, or its matrices are not those that its
            config speaks of.
    """
    if not checkpoint.weight_files:
        raise VlftError(f"the adapter {checkpoint.path} has no adapter_model.safetensors")
    refuse_broken(checkpoint)
    tensors, config = checkpoint.tensors(), checkpoint.adapter or {}
    if not tensors:
        raise VlftError(
            f"the adapter {checkpoint.path} is a pickle, which can't be read without running it",
            "save it again as safetensors",
        )
    linear = config.get("peft_type", "LORA") == "LORA" and not config.get("target_parameters")
    parts: dict[str, dict[str, str]] = {}
    saved: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, (_, shape) in tensors.items():
        found = _PART.fullmatch(name)
        if found is None:
            saved[_loaded(name)] = name, shape
        else:
            part = found["part"] + (".bias" if found["end"] == ".bias" else "")
            parts.setdefault(_loaded(found["module"]), {})[part] = name
    modules = [_module(module, found, checkpoint, linear=linear) for module, found in parts.items()]
    return Adapter(tuple(modules), saved, linear)


def refuse_broken(checkpoint: Checkpoint) -> None:
    """Stops at weights that are missing, cut short or broken.

    Raises:
        VlftError: That names the first of them.
    """
    for name, problem in checkpoint.problems.items():
        more = len(checkpoint.problems) - 1
        others = f" (and {more} more of its files)" if more else ""
        raise VlftError(f"{checkpoint.path}: {name} {problem}{others}", "copy or download it again")


def _loaded(name: str) -> str:
    """A name in the adapter file → the module's path in the loaded model."""
    return name.removeprefix(_PREFIX).replace(".modules_to_save.default", "")


def _module(
    name: str, parts: Mapping[str, str], checkpoint: Checkpoint, *, linear: bool
) -> LoraModule:
    tensors, config, folder = checkpoint.tensors(), checkpoint.adapter or {}, checkpoint.path
    embedding = "lora_embedding_A" in parts
    kind = "lora_embedding" if embedding else "lora"
    first, second = (tensors.get(parts.get(f"{kind}_{end}", "")) for end in "AB")
    if first is None or second is None or not first[1] or len(second[1]) < _MATRIX:
        raise VlftError(f"{folder}: `{name}` has one of its two matrices A and B only")
    a, b = first[1], second[1]
    rank = _by_pattern(name, config.get("rank_pattern"), config.get("r"))
    if linear and rank is not None and a[0] != rank:
        raise VlftError(
            f"{folder}: the matrices of `{name}` have rank {a[0]}, adapter_config.json says"
            f" {rank:g}",
            "config and weights are of two adapters: copy both from the same checkpoint",
        )
    if linear and a[0] != b[1]:
        raise VlftError(f"{folder}: A of `{name}` has rank {a[0]}, B has {b[1]}")
    alpha = _by_pattern(name, config.get("alpha_pattern"), config.get("lora_alpha")) or 0
    scaling = alpha / (sqrt(a[0]) if config.get("use_rslora") else a[0])
    shape = (b[0], a[1]) if linear and len(a) == len(b) == _MATRIX else None
    transposed = embedding or bool(config.get("fan_in_fan_out"))
    return LoraModule(name, parts, scaling, shape, transposed)


def _by_pattern(module: str, patterns: object, otherwise: object) -> float | None:
    """The value for a module: that of the first pattern that its path ends with."""
    listed: Iterable[tuple[str, object]] = patterns.items() if isinstance(patterns, dict) else ()
    for pattern, value in listed:
        if re.match(rf"(.*\.)?({pattern})$", module) and isinstance(value, (int, float)):
            return value
    return otherwise if isinstance(otherwise, (int, float)) else None


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


_SHOWN = 3
_HINT = "it was trained on another model; name that one: --base DIR"


class Changes(Struct, frozen=True):
    """What an adapter does to the tensors of a base.

    Attributes:
        roles: Tensor of the base → what the adapter makes of it, as
            vlft/trainer_side/verify_merge.py reads it.
        added: Names in the loaded model of saved tensors that the base does not have → names in
            the adapter.
        opaque: Canonical beginnings of names of tensors that change in a way not known here.
    """

    roles: dict[str, dict[str, object]]
    added: dict[str, str]
    opaque: set[str]


def changes_of(adapter: Adapter, base: Tensors, folder: str) -> Changes:
    """Finds the weights of the base that an adapter changes.

    Args:
        adapter: The adapter.
        base: The tensors of its base.
        folder: Of the base, for messages.

    Raises:
        VlftError: If the base lacks a module of the adapter or has it in another shape.
    """
    names = Names(base)
    found = Changes({}, {}, set())
    missing: list[str] = []
    for module in adapter.modules:
        weight = _weight(names, module.name)
        if weight is not None:
            if module.shape is not None:
                change = module.shape[::-1] if module.transposed else module.shape
                _refuse_shape(f"changes `{module.name}` as", change, base[weight][1], folder)
            found.roles[weight] = _role(module)
        elif adapter.linear:
            missing.append(module.name)
        else:  # parameters of experts, by a name of peft's own
            found.opaque.add(canonical(module.name))
        if "lora_B.bias" in module.parts:
            bias = names.find(f"{module.name}.bias")
            if bias is None:
                missing.append(f"{module.name}.bias")
            else:
                added = {"b": module.parts["lora_B.bias"], "scaling": module.scaling}
                found.roles[bias] = {"bias": added}
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise VlftError(
            f"the adapter changes {', '.join(missing[:_SHOWN])}{more}, not found in {folder}", _HINT
        )
    for loaded, (stored, shape) in adapter.saved.items():
        name = names.find(loaded)
        if name is None:
            found.added[loaded] = stored
        else:
            _refuse_shape(f"replaces `{name}` by", shape, base[name][1], folder)
            found.roles[name] = {"saved": stored}
    return found


def _weight(names: Names, module: str) -> str | None:
    found = names.find(f"{module}.weight") or names.find(module)
    if found is None and module.endswith("lm_head"):
        return names.find("embed_tokens.weight")  # tied: one tensor under two names
    return found


def _refuse_shape(verb: str, shape: tuple[int, ...], own: tuple[int, ...], folder: str) -> None:
    if shape != own:
        raise VlftError(
            f"the adapter {verb} {list(shape)}, but in {folder} it is {list(own)}", _HINT
        )


def _role(module: LoraModule) -> dict[str, object]:
    """What is made of a module's weight."""
    if module.shape is None:
        return {"opaque": True}
    kind = "lora_embedding" if "lora_embedding_A" in module.parts else "lora"
    lora = {
        "a": module.parts[f"{kind}_A"],
        "b": module.parts[f"{kind}_B"],
        "magnitude": module.parts.get("lora_magnitude_vector"),
        "scaling": module.scaling,
        "transposed": module.transposed,
    }
    return {"lora": lora}
