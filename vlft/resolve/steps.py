"""Optimizer steps of a run, as transformers 5.19 counts them on ms-swift's data loader.

    forward passes per epoch = ceil(floor(rows / processes) / per_device)
    steps per epoch          = ceil(forward passes / accumulation), at least 1
    steps in total           = max_steps, else ceil(epochs × steps per epoch)

Sources: swift/dataloader/shard.py: BatchSamplerShard; swift/sequence_parallel/utils.py:
SequenceParallelSampler; transformers/trainer.py: set_initial_training_values;
transformers/training_args.py: get_warmup_steps; transformers/trainer_callback.py: compute_steps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from vlft.resolve.batch import Batch, Mismatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.probe.data_entries import DataEntry
    from vlft.resolve.args import SwiftArgs

EPOCHS = 3.0
"""num_train_epochs where none is given (transformers/training_args.py)."""

_ROLLOUTS = frozenset({"grpo", "ppo", "gkd"})
"""rlhf_type whose steps are not counted in rows of the data."""


class Steps(Struct, frozen=True):
    """Steps of a run; None where something they follow from is unknown.

    Attributes:
        rows: Rows trained on per epoch, at most: unusable ones are left out only later.
        passes: Forward passes of a process per epoch.
        per_epoch: Optimizer steps per epoch.
        total: Optimizer steps of the whole run.
        warmup: Steps in which the learning rate rises.
    """

    rows: int | None
    passes: int | None
    per_epoch: int | None
    total: int | None
    warmup: int | None


def count_steps(
    rows: int | None,
    batch: Batch,
    *,
    epochs: float | None = None,
    max_steps: int | None = None,
    warmup: float = 0,
    drop_last: bool = False,
) -> Steps:
    """The steps of a run.

    Args:
        rows: Rows per epoch; None if unknown.
        batch: Rows per step.
        epochs: Passes over the data; 3 if absent.
        max_steps: Steps in total, in place of what follows from the epochs.
        warmup: Steps from 1 on; below that a share of all steps.
        drop_last: Whether an incomplete forward pass at an epoch's end is left out.
    """
    passes = None if rows is None else _passes(rows, batch, drop_last=drop_last)
    accumulation = batch.gradient_accumulation_steps
    per_epoch = None
    if passes is not None and accumulation is not None:
        per_epoch = max(1, -(-passes // accumulation))
    total = max_steps
    if total is None and per_epoch is not None:
        steps = (EPOCHS if epochs is None else epochs) * per_epoch
        total = math.ceil(steps) if math.isfinite(steps) else None
    return Steps(rows, passes, per_epoch, total, interval(warmup, total))


def _passes(rows: int, batch: Batch, *, drop_last: bool) -> int | None:
    if batch.world_size is None:
        return None
    shared = batch.sequence_parallel_size
    # A data loader of its own rounds up where processes share a sequence.
    own = rows // batch.world_size if shared == 1 else -(-rows // (batch.world_size // shared))
    return own // batch.per_device if drop_last else -(-own // batch.per_device)


def interval(value: float, total: int | None) -> int | None:
    """warmup_steps, save_steps and the like: a number of steps, or a share of all."""
    if not math.isfinite(value):
        return None
    if value >= 1:
        return int(value)
    return None if total is None else math.ceil(total * value)


def rows_of(entry: DataEntry, share: float = 0) -> int | None:
    """Rows of this entry that are trained on, at most; None if unknown.

    Args:
        entry: With its rows counted. `#N` takes N of them, repeated where there are fewer.
        share: Part that is split off for validation: of the rows there are, one at least.
    """
    taken = entry.sample if entry.sample is not None else entry.rows
    if taken is None or not share:
        return taken
    if entry.rows is None:
        return None
    return taken - max(int(min(entry.rows, taken) * min(share, 1)), 1)


def train_rows(args: SwiftArgs, entries: Sequence[DataEntry]) -> int | None:
    """Rows per epoch, at most; None where they are unknown or come in another number.

    Packing joins rows, streaming has no end, interleaving draws, rollouts repeat.
    """
    joined = args.flag("packing") or args.get("truncation_strategy", str) == "split"
    drawn = args.is_given("interleave_prob") or args.get("rlhf_type", str) in _ROLLOUTS
    if joined or drawn or args.flag("streaming") or args.texts("cached_dataset"):
        return None
    share = args.get("split_dataset_ratio", float) or 0
    total = 0
    for entry in entries:
        rows = rows_of(entry, share)
        if rows is None:
            return None
        total += rows
    return total


def resolve_steps(args: SwiftArgs, entries: Sequence[DataEntry], batch: Batch | Mismatch) -> Steps:
    """The steps of a run; all unknown where there is no batch.

    Args:
        args: Of the run.
        entries: Its training data.
        batch: Rows per step.
    """
    if isinstance(batch, Mismatch):
        return Steps(None, None, None, None, None)
    most = args.get("max_steps", int)
    steps = count_steps(
        train_rows(args, entries),
        batch,
        epochs=args.get("num_train_epochs", float),
        max_steps=most if most is not None and most > 0 else None,
        warmup=args.get("warmup_ratio", float) or args.get("warmup_steps", float) or 0,
        drop_last=args.flag("dataloader_drop_last"),
    )
    # `max_epochs` ends the run earlier; the warm-up is a share of the steps all the same.
    return replace(steps, total=None) if args.is_given("max_epochs") else steps
