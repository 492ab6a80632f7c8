"""Weights compared with what they were made of, before they get their final name.

Merges are compared with base and adapter, quantised weights with their source. Layouts of those:
bitsandbytes as transformers saves it (8 bits: `weight` int8 with row scales `SCB`; 4 bits: packed
`weight` with `quant_state`), GPTQ (`qweight`, `qzeros`, `scales`), AWQ (`qweight` packed along the
other side), fp8 (`weight` in F8_E4M3 with its scale).
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vlft.errors import TrainerError, VlftError
from vlft.export.adapter import Changes, Names, canonical, changes_of, read_adapter
from vlft.export.base import Base, read_weights
from vlft.files import read_json, write_json
from vlft.probe.checkpoint import Checkpoint, read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.probe.safetensors import Tensors
    from vlft.resolve.quantization import Quantization
    from vlft.swift.interpreter import Interpreter

# Buffers that models compute, and heads for speculative decoding: transformers leaves them out
# when it loads a model (_keys_to_ignore_on_load_unexpected), so a merge can't have them.
_NOT_LOADED = re.compile(r"(^|.*\.)(inv_freq|position_ids|masked_bias)|mtp\..*")
_TIED = ("lm_head.weight", "language_model.lm_head.weight")


def verify_merge(
    source: Checkpoint, base: Base, made: Path, work: Path, interpreter: Interpreter
) -> Mapping[str, object]:
    """Compares merged weights with what base and adapter say they must be.

    Values are compared by a process of the interpreter that merged: it has torch, and vlft
    need not.

    Args:
        source: The adapter.
        base: The base.
        made: Folder of the merge.
        work: Folder for the job's file.
        interpreter: The Python that merged.

    Returns:
        What was found right: the documented object `verified` of `vlft merge --format json`.
        `tensors`: of the base that are there, changed or not as they should be;
        `sampled_layers`: changed tensors that were recomputed element by element;
        `max_abs_error`: largest distance from what was recomputed, 0 where all bits agree.

    Raises:
        TrainerError: If they are not what they must be, or can't be read.
    """
    try:
        merged = read_checkpoint(made)
        changes = changes_of(read_adapter(source), base.tensors, base.checkpoint.path)
    except VlftError as problem:
        raise _wrong("merged", [problem.message]) from None
    problems = _unreadable(merged) or _compare_headers(base.tensors, merged, changes)
    if problems:
        raise _wrong("merged", problems)
    job = work / "verify.json"
    write_json(job, _value_job(base, merged, source, changes))
    try:
        result = read_weights(interpreter, str(job))
    except TrainerError as problem:
        raise TrainerError(f"the merged weights could not be verified: {problem.message}") from None
    if result["problems"]:
        more = ["…"] * result["more_problems"]
        raise _wrong("merged", [*result["problems"], *more])
    return {key: result[key] for key in ("tensors", "sampled_layers", "max_abs_error")}


def _wrong(kind: str, problems: list[str]) -> TrainerError:
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


def _unreadable(made: Checkpoint) -> list[str]:
    """Files of weights that are broken; nothing if all can be read."""
    problems = [f"{name} {problem}" for name, problem in made.problems.items()]
    return problems if problems or made.weight_files else ["it has no weights"]


def _compare_headers(base: Tensors, merged: Checkpoint, changes: Changes) -> list[str]:
    """What is wrong with a merge as far as names and shapes tell; nothing if it is right."""
    problems = []
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
    added = {names.find(name) for name in changes.added}
    problems += [
        f"`{name}` is neither in the base nor in the adapter"
        for name in made
        if name not in found and name not in added and name not in _TIED
    ]
    return problems


def _value_job(
    base: Base, merged: Checkpoint, source: Checkpoint, changes: Changes
) -> dict[str, object]:
    """The job of vlft/trainer_side/verify_merge.py: which tensor is made of which.

    Args:
        base: The base.
        merged: The merge; its headers are right.
        source: The adapter's folder.
        changes: What the adapter does.
    """
    names = Names(merged.tensors())
    tensors: list[dict[str, object]] = []
    for name in base.tensors:
        here = names.find(name)
        if here is None or (name in _TIED and merged.tied_embeddings):
            continue  # a tied output layer is the embedding, under a second name
        unknown = any(canonical(name).startswith(part) for part in changes.opaque)
        role = {"opaque": True} if unknown else changes.roles.get(name, {})
        tensors.append({"base": name, "merged": here, **role})
    for loaded, stored in changes.added.items():
        here = names.find(loaded)
        if here is not None:
            tensors.append({"base": None, "merged": here, "saved": stored})
    folders = {"base": base.checkpoint, "merged": merged, "adapter": source}
    files = {
        role: [f"{checkpoint.path}/{name}" for name in checkpoint.weight_files]
        for role, checkpoint in folders.items()
    }
    return files | {"tensors": tensors}


_MATRIX = 2
_WORD = 32  # bits of the integers that GPTQ and AWQ pack into
_CLAIMED = {
    "bnb": ("bitsandbytes",),
    "gptq": ("gptq", "gptqmodel"),
    "gptq_v2": ("gptq", "gptqmodel"),
    "awq": ("awq",),
    "fp8": ("fp8", "finegrained_fp8", "compressed-tensors", "fbgemm_fp8"),
}


def verify_quantized(
    made: Path, source: Checkpoint, quantization: Quantization
) -> dict[str, object]:
    """Looks at quantised weights: all there, in the types and the form that are claimed.

    Args:
        made: The folder.
        source: The weights that it was made from.
        quantization: What was done.

    Returns:
        `tensors`: of the source that are there; `quantized`: how many of them are quantised;
        `bytes`: size of the weights; `corrected`: what config.json said wrongly of them, if it
        did.

    Raises:
        TrainerError: If they are not what they must be.
    """
    try:
        found = read_checkpoint(made)
    except VlftError as problem:
        raise _wrong("quantised", [problem.message]) from None
    count, problems = check_quantized(found, source, quantization.method, quantization.bits)
    if problems:
        raise _wrong("quantised", problems)
    checked: dict[str, object] = {
        "tensors": len(source.tensors()),
        "quantized": count,
        "bytes": found.weight_bytes,
    }
    corrected = correct_form(found) if quantization.method in ("gptq", "gptq_v2") else None
    return checked if corrected is None else checked | {"corrected": corrected}


def check_quantized(
    made: Checkpoint, source: Checkpoint, method: str, bits: int | None
) -> tuple[int, list[str]]:
    """Looks at every tensor's type and size.

    Args:
        made: The quantised folder.
        source: The weights that it was made from.
        method: As `--quant_method` was given.
        bits: Of the quantisation; None for fp8.

    Returns:
        The number of quantised weights, and what is wrong; nothing if it is right.
    """
    unreadable = _unreadable(made)
    if unreadable:
        return 0, unreadable
    problems = list(_claim(made, method, bits))
    headers = made.tensors()
    names = Names(headers)
    quantized = 0
    for name, (_, shape) in source.tensors().items():
        module = name.removesuffix(".weight")
        here = names.find(name) or names.find(f"{module}.qweight")
        if here is None:
            tied = name.endswith("lm_head.weight") and made.tied_embeddings is not False
            if not tied:
                problems.append(f"`{name}` is missing")
            continue
        packed = _packed(here, headers, method, bits)
        if packed is None:
            if headers[here][1] != shape:
                problems.append(f"`{here}` is {list(headers[here][1])}, before {list(shape)}")
            continue
        quantized += 1
        if packed != math.prod(shape):
            problems.append(f"`{here}` holds {packed} values, before {math.prod(shape)}")
    if not quantized:
        problems.append("none of its weights is quantised")
    elif made.weight_bytes >= source.weight_bytes:
        problems.append(f"it is no smaller: {made.weight_bytes} of {source.weight_bytes} bytes")
    return quantized, problems


def _claim(made: Checkpoint, method: str, bits: int | None) -> Iterator[str]:
    """What config.json says of the quantisation, beside what was asked for."""
    config = made.quantization
    if config is None:
        yield "its config.json has no quantization_config"
        return
    claimed = str(config.get("quant_method", "")).lower()
    if claimed not in _CLAIMED[method]:
        yield f"its config.json says `{claimed}`, not {method}"
    said = config.get("bits")
    if method == "bnb":
        said = 8 if config.get("load_in_8bit") else 4 if config.get("load_in_4bit") else None
    if bits is not None and said != bits:
        yield f"its config.json says {said} bits, not {bits}"


def _packed(name: str, headers: Tensors, method: str, bits: int | None) -> int | None:
    """How many values a quantised tensor holds; None if it is not quantised."""
    dtype, shape = headers[name]
    module = name.removesuffix(".qweight").removesuffix(".weight")
    if method == "bnb" and bits == 8:  # noqa: PLR2004
        return math.prod(shape) if dtype == "I8" and f"{module}.SCB" in headers else None
    if method == "bnb":
        state = f"{name}.quant_state.bitsandbytes__"
        found = any(f"{state}{kind}" in headers for kind in ("nf4", "fp4"))
        return 2 * math.prod(shape) if dtype == "U8" and found else None
    if method == "fp8":
        return math.prod(shape) if dtype == "F8_E4M3" else None
    if not name.endswith(".qweight") or len(shape) != _MATRIX or dtype != "I32" or not bits:
        return None
    if method == "awq":
        return shape[0] * shape[1] * _WORD // bits
    return shape[0] * _WORD // bits * shape[1]


Form = Literal["gptq", "gptq_v2"]
_FORM_KEYS = ("format", "checkpoint_format")  # the name since optimum 2, and before


def stored_form(made: Checkpoint) -> Form | None:
    """The form of the zero points of GPTQ; None if it can't be told.

    Symmetric weights have them all in the middle of the range, 2^(bits-1); the lowest bits of
    the first word tell that number from the one before it.
    """
    config = made.quantization or {}
    bits = config.get("bits")
    name = next((name for name in made.tensors() if name.endswith(".qzeros")), None)
    if config.get("sym") is not True or not isinstance(bits, int) or name is None:
        return None
    middle = 1 << (bits - 1)
    forms: dict[int, Form] = {middle: "gptq_v2", middle - 1: "gptq"}
    return forms.get(_first_word(made, name) & ((1 << bits) - 1))


def correct_form(made: Checkpoint) -> str | None:
    """Makes config.json say the form that the weights are in.

    Returns:
        What was corrected, as a sentence; None if all was right, or can't be told.

    Raises:
        OSError: If config.json can't be written.
    """
    form = stored_form(made)
    file = Path(made.path, "config.json")
    config = read_json(file) or {}
    said = config.get("quantization_config")
    if form is None or not isinstance(said, dict):
        return None
    wrong = {key: said[key] for key in _FORM_KEYS if said.get(key) not in (None, form)}
    if not wrong:
        return None
    write_json(file, config | {"quantization_config": said | dict.fromkeys(wrong, form)})
    return (
        f"config.json said {', '.join(map(str, wrong.values()))} of zero points in the form {form}:"
        " every weight would have been off by a step"
    )


def _first_word(made: Checkpoint, name: str) -> int:
    """The first 32 bits of a tensor that the headers name."""
    for file in made.weight_files:
        with Path(made.path, file).open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            entry = json.loads(stream.read(length)).get(name)
            if entry is not None:
                stream.seek(8 + length + entry["data_offsets"][0])
                return int.from_bytes(stream.read(4), "little")
    return 0
