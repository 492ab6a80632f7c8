"""What can be wrong with a config, one pure function a rule."""

from vlft.rules import (
    batch,
    checkpoint,
    data,
    deepspeed,
    env,
    evaluation,
    frozen,
    launch,
    model,
    nodes,
    packages,
    packing,
    parallel,
    pixel_tokens,
    pixels,
    precision,
    quant,
    reporting,
    resume,
    saving,
    schedule,
    swift,
    template,
    tuner,
)
from vlft.rules.base import PLANNABLE, RULES, Context, check

__all__ = ["PLANNABLE", "RULES", "Context", "check"]

# Importing a module registers its rules.
_SUBJECTS = (
    batch,
    checkpoint,
    data,
    deepspeed,
    env,
    evaluation,
    frozen,
    launch,
    model,
    nodes,
    packages,
    packing,
    parallel,
    pixel_tokens,
    pixels,
    precision,
    quant,
    reporting,
    resume,
    saving,
    schedule,
    swift,
    template,
    tuner,
)
