"""Checkpoints on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.resolve.pass_through import flag, word
from vlft.resolve.steps import interval

if TYPE_CHECKING:
    from vlft.config.schema import Config
    from vlft.estimate.memory.states import Plain
    from vlft.resolve.steps import Steps

SAVE_STEPS = 500
"""save_steps where none is given (transformers/training_args.py)."""


@dataclass(frozen=True, slots=True)
class Storage:
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


def storage(config: Config, states: Plain, weights: str | None, steps: Steps | None) -> Storage:
    """What the checkpoints take.

    Args:
        config: The config.
        states: Of the model.
        weights: Their type; None if it is not known: two bytes each.
        steps: Of the run.
    """
    saves = _saves(config, steps)
    limit = config.train.save_total_limit
    # The new one is written before the oldest is deleted.
    kept = saves if saves is None or limit is None else min(saves, limit + 1)
    width = 4 if weights == "float32" else 2
    return Storage(_checkpoint_bytes(config, states, width), saves, kept)


def _checkpoint_bytes(config: Config, states: Plain, width: int) -> int:
    """The adapters, or all weights, and AdamW's two values of each one that is trained.

    The values are of the weight's own type, or under DeepSpeed in float32 with a float32 copy.
    """
    full = config.tuner == "full"
    weights = width * states.parameters if full else states.adapters
    if flag(config, "save_only_model"):
        return weights
    if config.deepspeed is not None:
        return weights + 12 * states.trainable
    if full:
        return weights + 2 * width * states.trainable
    return weights + 2 * states.adapters


def _saves(config: Config, steps: Steps | None) -> int | None:
    if steps is None or not steps.total:
        return None
    strategy = word(config, "save_strategy") or "steps"
    if strategy == "no":
        return 0
    if strategy == "epoch":
        return None if not steps.per_epoch else -(-steps.total // steps.per_epoch)
    every = interval(config.train.save_steps or SAVE_STEPS, steps.total) or 1
    return -(-steps.total // every)
