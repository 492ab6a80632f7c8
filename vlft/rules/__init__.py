"""What can be wrong with a config, one pure function a rule."""

# Importing a module registers its rules.
from vlft.rules import (  # noqa: F401
    batch,
    checkpoint,
    data,
    deepspeed,
    env,
    evaluation,
    export,
    freezing,
    internvl_chat,
    launch,
    liger,
    mappings,
    memory,
    model,
    packages,
    packing,
    parallel,
    pixels,
    precision,
    quant,
    qwen_vl,
    ranges,
    ray,
    remote_code,
    reporting,
    resume,
    saving,
    schedule,
    swift,
    template,
    tuner,
)
from vlft.rules import engine_sections as engines  # noqa: F401
from vlft.rules.base import PLANNABLE, RULES, all_rules, check

__all__ = ["PLANNABLE", "RULES", "all_rules", "check"]
