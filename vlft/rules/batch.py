"""Rows per optimizer step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.plan.batch import Mismatch
from vlft.rules.base import Context, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule(
    "batch.global-mismatch", "error", "transformers Trainer: no such check exists", effect="silent"
)
def global_mismatch(context: Context) -> Iterator[Problem]:
    """The batch sizes and the processes multiply to one global batch, without a remainder."""
    if isinstance(context.batch, Mismatch):
        train = context.config.train
        key = (
            ("train", "global_batch_size")
            if train.global_batch_size is not None
            else ("launch", "sequence_parallel_size")
        )
        yield Problem(key, context.batch.message, context.batch.hint)
