"""Whether a quantised folder holds what its config claims, as far as headers tell.

Layouts: bitsandbytes as transformers saves it (8 bits: `weight` int8 with row scales `SCB`;
4 bits: packed `weight` with `quant_state`), GPTQ (`qweight`, `qzeros`, `scales`), AWQ
(`qweight` packed along the other side), fp8 (`weight` in F8_E4M3 with its scale).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from vlft.export.adapter import Names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.probe.checkpoint import Checkpoint

    Headers = Mapping[str, tuple[str, tuple[int, ...]]]

_MATRIX = 2
_WORD = 32  # bits of the integers that GPTQ and AWQ pack into
_CLAIMED = {
    "bnb": ("bitsandbytes",),
    "gptq": ("gptq", "gptqmodel"),
    "gptq_v2": ("gptq", "gptqmodel"),
    "awq": ("awq",),
    "fp8": ("fp8", "finegrained_fp8", "compressed-tensors", "fbgemm_fp8"),
}


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
