"""How many logits ms-swift 4.6 computes (trainers/mixin.py: get_ and prepare_logits_to_keep)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.models import family_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_SINCE = 5
"""Major release of transformers from which multimodal models keep only trained tokens."""


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
    takes_it = liger is None or liger_keeps_few_logits(liger)
    return transformers_major >= _SINCE and sequence_parallel == 1 and takes_it


def liger_keeps_few_logits(model_type: str | None) -> bool:
    """Whether the forward by Liger of a model_type has the argument logits_to_keep."""
    family = family_of(model_type)
    return family is not None and family.liger is not None and family.liger.keeps_few_logits


def kept_of(rows: Sequence[TrainedRow]) -> int:
    """Tokens of a batch whose logits are computed with use_logits_to_keep.

    One row (packing and padding_free make one) keeps its trained tokens and one more; several,
    padded on the right, keep everything from the earliest trained token on.
    """
    if len(rows) == 1:
        return rows[0].trained + 1
    longest = max(row.tokens for row in rows)
    return len(rows) * (longest - min(row.prompt for row in rows) + 1)
