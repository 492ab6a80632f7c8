"""How many logits ms-swift 4.6 computes (trainers/mixin.py: get_ and prepare_logits_to_keep)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.estimate.memory.shape import VisionShape

Fused = Literal["rms_norm", "layer_norm", "gate", "rope", "loss"]

NONE: frozenset[Fused] = frozenset()

_TEXT: dict[str, frozenset[Fused]] = {
    "qwen2_vl": frozenset({"rms_norm", "gate", "rope", "loss"}),
    "qwen2_5_vl": frozenset({"rms_norm", "gate", "rope", "loss"}),
    "qwen3_vl": frozenset({"rms_norm", "rope", "loss"}),
    "internvl": frozenset({"rms_norm", "gate", "rope", "loss"}),
}
# Of the blocks alone: what merges patches keeps its own operators.
_VISION: dict[str, frozenset[Fused]] = {
    "qwen2_vl": frozenset({"layer_norm"}),
    "qwen2_5_vl": frozenset({"rms_norm"}),
    "qwen3_vl": frozenset({"rope"}),
    "internvl": frozenset({"rms_norm", "layer_norm"}),
}


def fused_text(vision: VisionShape) -> frozenset[Fused]:
    """In the language model beside such a tower."""
    return _TEXT.get(vision.tower, NONE)


def fused_vision(vision: VisionShape) -> frozenset[Fused]:
    """In the tower."""
    return _VISION.get(vision.tower, NONE)


_SINCE = 5
"""Major release of transformers from which multimodal models keep only trained tokens."""

LIGER_WITH_FEW_LOGITS = ("qwen3_vl", "qwen3_vl_moe", "internvl")
"""model_types whose forward by Liger 0.8 has the argument logits_to_keep; Qwen2-VL's and
Qwen2.5-VL's has not, and ms-swift looks for it."""


@dataclass(frozen=True, slots=True)
class TrainedRow:
    """Tokens of a row, without padding.

    Attributes:
        tokens: All.
        prompt: Those before the first that is trained on.
        trained: Those that are trained on.
    """

    tokens: int
    prompt: int
    trained: int


def uses_logits_to_keep(
    given: bool | None,
    transformers_major: int,
    sequence_parallel: int,
    *,
    liger: str | None = None,
) -> bool:
    """Whether only the logits that the loss needs are computed.

    Args:
        given: `--use_logits_to_keep`; None if it is not given.
        transformers_major: Of the installed transformers.
        sequence_parallel: GPUs that share a row.
        liger: model_type of a model with Liger's kernels; None without them.
    """
    if given is not None:
        return given
    takes_it = liger is None or liger in LIGER_WITH_FEW_LOGITS
    return transformers_major >= _SINCE and sequence_parallel == 1 and takes_it


def kept_of(rows: Sequence[TrainedRow]) -> int:
    """Tokens of a batch whose logits are computed with use_logits_to_keep.

    One row (packing and padding_free make one) keeps its trained tokens and one more; several,
    padded on the right, keep everything from the earliest trained token on.
    """
    if len(rows) == 1:
        return rows[0].trained + 1
    longest = max(row.tokens for row in rows)
    return len(rows) * (longest - min(row.prompt for row in rows) + 1)
