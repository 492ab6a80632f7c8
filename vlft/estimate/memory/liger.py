"""Which logits ms-swift 4.6 computes (trainers/mixin.py: get_ and prepare_logits_to_keep)."""

from __future__ import annotations

from vlft.models import family_of

_SINCE = 5
"""Major release of transformers from which multimodal models keep only trained tokens."""


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
