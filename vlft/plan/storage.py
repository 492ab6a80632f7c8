"""Checkpoints on the disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.plan.passed import flag, word
from vlft.plan.steps import interval

if TYPE_CHECKING:
    from vlft.config.sections import Config
    from vlft.plan.steps import Steps

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


def storage(config: Config, parameters: int, trainable: int, steps: Steps | None) -> Storage:
    """What the checkpoints take.

    Args:
        config: The config.
        parameters: Of the model, with its adapters.
        trainable: Those that are trained.
        steps: Of the run.
    """
    saves = _saves(config, steps)
    limit = config.train.save_total_limit
    # The new one is written before the oldest is deleted.
    kept = saves if saves is None or limit is None else min(saves, limit + 1)
    return Storage(_checkpoint_bytes(config, parameters, trainable), saves, kept)


def _checkpoint_bytes(config: Config, parameters: int, trainable: int) -> int:
    """Adapters are kept in float32, weights in two bytes.

    AdamW keeps two values a trained weight: in the weight's own type, or in float32 with a
    float32 copy under DeepSpeed.
    """
    full = config.tuner == "full"
    weights = 2 * parameters if full else 4 * trainable
    if flag(config, "save_only_model"):
        return weights
    per_weight = 12 if config.deepspeed is not None else 4 if full else 8
    return weights + per_weight * trainable


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
