"""A merge compared with its base and adapter, before it gets its final name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.errors import TrainerError, VlftError
from vlft.export.adapter import Names, canonical, read_adapter
from vlft.export.base import place, read_weights
from vlft.files import write_json
from vlft.probe.checkpoint import read_checkpoint

if TYPE_CHECKING:
    from pathlib import Path

    from vlft.export.adapter import Adapter
    from vlft.export.base import Base, Headers, Placed
    from vlft.probe.checkpoint import Checkpoint
    from vlft.swift.interpreter import Interpreter

# Buffers that models compute, and heads for speculative decoding: transformers leaves them out
# when it loads a model (_keys_to_ignore_on_load_unexpected), so a merge can't have them.
_NOT_LOADED = re.compile(r"(^|.*\.)(inv_freq|position_ids|masked_bias)|mtp\..*")
_TIED = ("lm_head.weight", "language_model.lm_head.weight")


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found right: the documented object `verified` of `vlft merge --format json`.

    Attributes:
        tensors: Tensors of the base that are there, changed or not as they should be.
        sampled_layers: Changed tensors that were recomputed element by element.
        max_abs_error: Largest distance from what was recomputed; 0 where all bits agree.
    """

    tensors: int
    sampled_layers: int
    max_abs_error: float


def verify_merge(
    source: Checkpoint, base: Base, made: Path, work: Path, interpreter: Interpreter
) -> Verified:
    """Compares merged weights with what base and adapter say they must be.

    Values are compared by a process of the interpreter that merged: it has numpy, and vlft
    need not.

    Args:
        source: The adapter.
        base: The base.
        made: Folder of the merge.
        work: Folder for the job's file.
        interpreter: The Python that merged.

    Raises:
        TrainerError: If they are not what they must be, or can't be read.
    """
    try:
        merged = read_checkpoint(made)
        adapter = read_adapter(source)
        placed = place(adapter, base)
    except VlftError as problem:
        raise wrong_weights("merged", [problem.message]) from None
    problems = _compare_headers(base.headers, merged, placed)
    if problems:
        raise wrong_weights("merged", problems)
    job = work / "verify.json"
    write_json(job, _value_job(base, merged, source, adapter, placed))
    try:
        result = read_weights(interpreter, str(job))
    except TrainerError as problem:
        raise TrainerError(f"the merged weights could not be verified: {problem.message}") from None
    if result["problems"]:
        more = ["…"] * result["more_problems"]
        raise wrong_weights("merged", [*result["problems"], *more])
    return Verified(result["tensors"], result["sampled_layers"], result["max_abs_error"])


def wrong_weights(kind: str, problems: list[str]) -> TrainerError:
    """What is raised for weights that ms-swift made wrong.

    Args:
        kind: `merged` or `quantised`.
        problems: What is wrong with them; the first is told.
    """
    first, more = problems[0], len(problems) - 1
    others = f" (and {more} more)" if more else ""
    return TrainerError(
        f"the {kind} weights are not right: {first}{others}",
        "nothing was left under the final name; try again, on the CPU if it was on a GPU",
    )


def _compare_headers(base: Headers, merged: Checkpoint, placed: Placed) -> list[str]:
    """What is wrong with a merge as far as names and shapes tell; nothing if it is right."""
    problems = [f"{name} {problem}" for name, problem in merged.problems.items()]
    if not merged.weight_files:
        problems.append("it has no weights")
    if problems:
        return problems
    made = merged.tensors()
    names = Names(made)
    found = set()
    for name, (_, shape) in base.items():
        here = names.find(name)
        if here is None:
            tied = name in _TIED and merged.tied_embeddings is not False
            if not (tied or _NOT_LOADED.fullmatch(name)):
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


def _value_job(
    base: Base, merged: Checkpoint, source: Checkpoint, adapter: Adapter, placed: Placed
) -> dict[str, object]:
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
    tensors: list[dict[str, object]] = []
    for name in base.headers:
        here = names.find(name)
        if here is None or (name in _TIED and merged.tied_embeddings):
            continue  # a tied output layer is the embedding, under a second name
        unknown = any(canonical(name).startswith(part) for part in placed.opaque)
        role = {"opaque": True} if unknown else roles.get(name, {})
        tensors.append({"base": name, "merged": here, **role})
    for loaded, stored in placed.added.items():
        here = names.find(loaded)
        if here is not None:
            tensors.append({"base": None, "merged": here, "saved": stored})
    folders = {"base": base.checkpoint, "merged": merged, "adapter": source}
    files = {
        role: [f"{checkpoint.path}/{name}" for name in checkpoint.weight_files]
        for role, checkpoint in folders.items()
    }
    return files | {"tensors": tensors}


def _roles(adapter: Adapter, placed: Placed) -> dict[str, dict[str, object]]:
    """Tensor of the base → what the adapter makes of it."""
    roles: dict[str, dict[str, object]] = {}
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
