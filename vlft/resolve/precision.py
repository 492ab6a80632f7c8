"""What a run computes in: the type of the weights and the mixed precision over them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.resolve.pass_through import given_flag

if TYPE_CHECKING:
    from vlft.config.schema import Config
    from vlft.probe.checkpoint import Checkpoint
    from vlft.resolve.world import World

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


def resolve_precision(config: Config, checkpoint: Checkpoint | None, world: World) -> Precision:
    """The types that ms-swift arrives at (base_args/model_args.py: _init_mixed_precision).

    float16 and float32 weights are both taken as a wish for fp16; on a CPU vlft writes
    float32 without mixed precision.
    """
    weights: str | None = config.model.torch_dtype or ("float32" if world.cpu else None)
    if weights is None and checkpoint is not None and checkpoint.torch_dtype in _KNOWN:
        weights = checkpoint.torch_dtype
    fp16: bool | None = None
    bf16: bool | None = None
    if weights is not None:
        plain = world.cpu and weights == "float32"
        fp16 = not plain and weights in {"float16", "float32"}
        bf16 = weights == "bfloat16"
    given_fp16, given_bf16 = given_flag(config, "fp16"), given_flag(config, "bf16")
    return Precision(
        weights,
        fp16 if given_fp16 is None else given_fp16,
        bf16 if given_bf16 is None else given_bf16,
    )
