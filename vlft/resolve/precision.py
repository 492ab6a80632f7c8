"""What a run computes in: the type of the weights and the mixed precision over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.swift.args import SwiftArgs

_KNOWN = ("bfloat16", "float16", "float32")


@dataclass(frozen=True, slots=True)
class Precision:
    """Types of a run.

    Attributes:
        weights: bfloat16, float16 or float32; None if only the installed GPU decides it.
        fp16: Whether autocast computes in float16, with a scaled loss; None if unknown.
        bf16: Whether autocast computes in bfloat16; None if unknown.
    """

    weights: str | None
    fp16: bool | None
    bf16: bool | None


def resolve_precision(args: SwiftArgs) -> Precision:
    """The types that ms-swift arrives at.

    Source: swift/arguments/base_args/model_args.py: _init_torch_dtype, _init_mixed_precision.
    """
    weights = args.get("torch_dtype", str).value
    return Precision(
        weights if weights in _KNOWN else None,
        args.get("fp16", bool).value,
        args.get("bf16", bool).value,
    )
