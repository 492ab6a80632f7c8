"""Checkpoints on the disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from vlft.resolve.steps import interval

if TYPE_CHECKING:
    from vlft.estimate.memory.states import Plain
    from vlft.resolve.run import RunSpec


class Storage(Struct, frozen=True):
    """What a run writes.

    Attributes:
        checkpoint_bytes: Of one checkpoint: weights, and the optimizer's state if it is kept.
        saves: Checkpoints written in the whole run; None if the steps are unknown.
        kept: Of them at most at one time; None if the steps are unknown.
    """

    checkpoint_bytes: int
    saves: int | None
    kept: int | None

    @property
    def total_bytes(self) -> int | None:
        """Disk that the run needs; None if the steps are unknown."""
        return None if self.kept is None else self.kept * self.checkpoint_bytes


def storage(run: RunSpec, states: Plain) -> Storage:
    """What the checkpoints take; weights of an unknown type count two bytes each.

    Args:
        run: The run.
        states: Of its model.
    """
    saves = saves_of(run)
    limit = run.args.get("save_total_limit", int)
    # The new one is written before the oldest is deleted.
    kept = saves if saves is None or limit is None else min(saves, limit + 1)
    width = 4 if run.precision.weights == "float32" else 2
    return Storage(_checkpoint_bytes(run, states, width), saves, kept)


def _checkpoint_bytes(run: RunSpec, states: Plain, width: int) -> int:
    """The adapters, or all weights, and AdamW's two values of each one that is trained.

    The values are of the weight's own type, or under DeepSpeed in float32 with a float32 copy.
    """
    full = run.config.tuner == "full"
    weights = width * states.parameters if full else states.adapters
    if run.args.flag("save_only_model"):
        return weights
    if run.sharding.deepspeed is not None:
        return weights + 12 * states.trainable
    if full:
        return weights + 2 * width * states.trainable
    return weights + 2 * states.adapters


def saves_of(run: RunSpec) -> int | None:
    """Checkpoints written in the whole run; None if the steps are unknown."""
    steps, every = run.steps, run.args.get("save_steps", float)
    if not steps.total:
        return None
    if run.save_strategy == "no":
        return 0
    if run.save_strategy == "epoch":
        return None if not steps.per_epoch else -(-steps.total // steps.per_epoch)
    interval_steps = None if every is None else interval(every, steps.total)
    return None if not interval_steps else -(-steps.total // interval_steps)
