"""Quantised weights compared with their source, before they get their final name.

Layouts: bitsandbytes as transformers saves it (8 bits: `weight` int8 with row scales `SCB`;
4 bits: packed `weight` with `quant_state`), GPTQ (`qweight`, `qzeros`, `scales`), AWQ
(`qweight` packed along the other side), fp8 (`weight` in F8_E4M3 with its scale).
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vlft.errors import VlftError
from vlft.export.adapter import Names
from vlft.export.verify import wrong_weights
from vlft.files import read_json, write_json
from vlft.probe.checkpoint import read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.export.base import Headers
    from vlft.probe.checkpoint import Checkpoint
    from vlft.resolve.quantization import Quantization

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
        raise wrong_weights("quantised", [problem.message]) from None
    count, problems = check_quantized(found, source, quantization.method, quantization.bits)
    if problems:
        raise wrong_weights("quantised", problems)
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
    problems = [f"{name} {problem}" for name, problem in made.problems.items()]
    if problems or not made.weight_files:
        return 0, problems or ["it has no weights"]
    problems += _claim(made, method, bits)
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


def _packed(name: str, headers: Headers, method: str, bits: int | None) -> int | None:
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
