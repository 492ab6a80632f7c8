"""What an adapter does to which weights, read from its config and its header.

Scaling and patterns as in peft (peft/tuners/lora/model.py, peft/utils/other.py:
get_pattern_key); the arithmetic of LoRA is arXiv:2106.09685, of rank-stabilised LoRA
arXiv:2312.03732, of DoRA arXiv:2402.09353.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vlft.probe.checkpoint import Checkpoint

_PREFIX = "base_model.model."
_PART = re.compile(
    r"(?P<module>.+)\.(?P<part>lora_A|lora_B|lora_E|lora_embedding_A|lora_embedding_B"
    r"|lora_magnitude_vector|ranknum)(?P<end>\.weight|\.bias)?"
)
_MATRIX = 2


@dataclass(frozen=True, slots=True)
class LoraModule:
    """One module that low-rank matrices are added to.

    Attributes:
        module: Its path in the loaded model.
        parts: `lora_A`, `lora_B`, … → name of the tensor in the adapter file.
        rank: Rows of A.
        scaling: What B·A is multiplied by.
        shape: Of the change, as (rows, columns); None if A and B are no matrices.
    """

    module: str
    parts: Mapping[str, str]
    rank: int
    scaling: float
    shape: tuple[int, int] | None

    @property
    def embedding(self) -> bool:
        """Whether the module is an embedding: its change is (B·A) transposed."""
        return "lora_embedding_A" in self.parts


@dataclass(frozen=True, slots=True)
class Adapter:
    """What an adapter folder says.

    Attributes:
        modules: With low-rank matrices.
        saved: Tensors that replace those of the base: name in the loaded model → name in the
            file (modules_to_save, biases).
        saved_shapes: Their shapes, by name in the loaded model.
        fan_in_fan_out: Whether weights are stored as (in, out).
        linear: Whether the change is B·A times the scaling, or DoRA's: what can be recomputed.
    """

    modules: tuple[LoraModule, ...]
    saved: Mapping[str, str]
    saved_shapes: Mapping[str, tuple[int, ...]]
    fan_in_fan_out: bool
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
    parts: dict[str, dict[str, str]] = {}
    saved: dict[str, str] = {}
    for name in tensors:
        found = _PART.fullmatch(name)
        if found is None:
            saved[_loaded(name)] = name
        else:
            part = found["part"] + (".bias" if found["end"] == ".bias" else "")
            parts.setdefault(_loaded(found["module"]), {})[part] = name
    return Adapter(
        tuple(_module(module, found, tensors, config, checkpoint.path)
              for module, found in parts.items()),
        saved,
        {name: tensors[stored][1] for name, stored in saved.items()},
        bool(config.get("fan_in_fan_out")),
        config.get("peft_type") == "LORA" and not config.get("target_parameters"),
    )  # fmt: skip


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
    module: str,
    parts: Mapping[str, str],
    tensors: Mapping[str, tuple[str, tuple[int, ...]]],
    config: Mapping[str, Any],
    folder: str,
) -> LoraModule:
    first, second = (
        tensors.get(parts.get(left, ""), tensors.get(parts.get(right, "")))
        for left, right in (("lora_A", "lora_embedding_A"), ("lora_B", "lora_embedding_B"))
    )
    if first is None or second is None or not first[1] or len(second[1]) < _MATRIX:
        raise VlftError(f"{folder}: `{module}` has one of its two matrices A and B only")
    a, b = first[1], second[1]
    rank = _by_pattern(module, config.get("rank_pattern"), config.get("r"))
    plain = config.get("peft_type", "LORA") == "LORA" and not config.get("target_parameters")
    if plain and rank is not None and a[0] != rank:
        raise VlftError(
            f"{folder}: the matrices of `{module}` have rank {a[0]}, adapter_config.json says"
            f" {rank:g}",
            "config and weights are of two adapters: copy both from the same checkpoint",
        )
    if plain and a[0] != b[1]:
        raise VlftError(f"{folder}: A of `{module}` has rank {a[0]}, B has {b[1]}")
    alpha = _by_pattern(module, config.get("alpha_pattern"), config.get("lora_alpha")) or 0
    scaling = alpha / (sqrt(a[0]) if config.get("use_rslora") else a[0])
    flat = len(a) == _MATRIX and len(b) == _MATRIX
    return LoraModule(module, parts, a[0], scaling, (b[0], a[1]) if flat else None)


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
