"""What is trained, and what stays frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Context, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule(
    "tuner.lora-with-full",
    "error",
    "swift/arguments/tuner_args.py: ignored without a word",
    effect="silent",
)
def lora_with_full(context: Context) -> Iterator[Problem]:
    """A `lora:` section stands beside a tuner that reads it."""
    if context.config.tuner == "full" and context.config.lora is not None:
        yield Problem(
            ("lora",),
            "`tuner: full` trains all weights and reads nothing of `lora:`",
            "remove the section (`lora: null` removes an inherited one) or write `tuner: lora`",
            at_key=True,
        )
