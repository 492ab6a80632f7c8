"""What can be wrong with a config, one pure function a rule."""

# Importing a module registers its rules.
from vlft.rules import (  # noqa: F401
    batch,
    checkpoint,
    code,
    data,
    deepspeed,
    env,
    evaluation,
    export,
    internvl,
    launch,
    memory,
    model,
    packages,
    packing,
    parallel,
    pixels,
    precision,
    quant,
    qwenvl,
    ray,
    resume,
    schedule,
    swift,
    template,
    tuner,
)
from vlft.rules import engine_sections as engines  # noqa: F401
from vlft.rules.base import PLANNABLE, RULES, all_rules, check

__all__ = ["PLANNABLE", "RULES", "all_rules", "check"]
