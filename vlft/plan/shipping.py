"""What a merge and a quantisation take: memory of the machine and room on the disk."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.facts.safetensors import BITS

if TYPE_CHECKING:
    from vlft.facts.checkpoint import Checkpoint
    from vlft.plan.quantize import Quantization

# Python with torch, transformers and ms-swift in it: seen 0.6 to 0.9 GB.
_PROGRAM = 1_000_000_000
_DTYPES = {"bfloat16": 16, "float16": 16, "float32": 32}
_EXTRA_FILES = 50_000_000  # tokenizer, configs
# Weights that stay as they are (vision tower, embeddings, output layer) make a part of a
# quantised model that can't be told from its bits; half is more than any family has.
_KEPT_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Needs:
    """Of an export, in bytes.

    Attributes:
        merged: Size of the merged weights; 0 without a merge.
        quantized: Size of the quantised weights, at most; 0 without them.
        disk: New files, all together.
        host: Peak of main memory.
    """

    merged: int
    quantized: int
    disk: int
    host: int


def needs(
    model: Checkpoint,
    *,
    merge: bool,
    quantization: Quantization | None,
    torch_dtype: str | None,
    gpu: bool,
) -> Needs:
    """What an export of a model takes.

    A merge loads the whole base unquantised, whatever it was trained in (merge_lora.py sets
    quant_method to None), and changes it in place; one weight at a time is there twice more, as
    B·A and in float32. On a GPU, main memory holds one shard of the file at a time.

    Args:
        model: The base, or the model to quantise.
        merge: Whether an adapter is merged into it.
        quantization: What is done afterwards.
        torch_dtype: Of the loaded weights; the checkpoint's if None.
        gpu: Whether the weights are loaded onto a GPU.
    """
    bits = _DTYPES.get(torch_dtype or model.torch_dtype or "", 0)
    loaded = largest = 0
    for dtype, shape in model.tensors().values():
        count = math.prod(shape)
        loaded += count * (bits or BITS.get(dtype, 16)) // 8
        largest = max(largest, count * 4)
    loaded = loaded or model.weight_bytes
    merged = loaded if merge else 0
    quantized = 0
    if quantization is not None:
        small = (quantization.bits or 8) / (bits or 16)
        quantized = int(loaded * min(1.0, small * (1 - _KEPT_SHARE) + _KEPT_SHARE))
    host = _PROGRAM + 2 * largest + (min(loaded, 5_000_000_000) if gpu else loaded)
    made = merged + quantized
    return Needs(merged, quantized, made + _EXTRA_FILES * ((merged > 0) + (quantized > 0)), host)
