"""When a run saves and evaluates, and how long it is: what several rules ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.resolve.pass_through import flag, word, words
from vlft.resolve.steps import steps_of

if TYPE_CHECKING:
    from vlft.rules.base import Context


def total_steps(context: Context) -> int | None:
    """Steps of the run; None if unknown."""
    steps = steps_of(context.loaded, context.facts, context.batch)
    if steps is None or context.config.swift.get("max_epochs") is not None:
        return None
    return steps.total


def saving(context: Context) -> str:
    """save_strategy, as it will be."""
    return word(context.config, "save_strategy") or "steps"


def evaluating(context: Context) -> str:
    """eval_strategy, as it will be."""
    if not has_validation(context):
        return "no"
    # An empty text is a strategy that there is none of.
    return next(iter(words(context.config, "eval_strategy")), saving(context))


def has_validation(context: Context) -> bool:
    """Whether there is anything to evaluate on."""
    config = context.config
    if any(config.swift.get(name) for name in ("cached_val_dataset", "eval_dataset")):
        return True
    streamed = flag(config, "streaming") and isinstance(config.data.val, float)
    return config.data.val is not None and not streamed


def evaluates(context: Context) -> bool:
    """Whether the run evaluates at all."""
    return evaluating(context) != "no"
