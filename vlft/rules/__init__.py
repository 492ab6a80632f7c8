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
    frozen,
    internvl_chat,
    kubernetes,
    launch,
    liger,
    mappings,
    memory,
    model,
    nodes,
    own_code,
    packages,
    packing,
    parallel,
    passed_files,
    pixel_tokens,
    pixels,
    precision,
    quant,
    ranges,
    reporting,
    resume,
    saving,
    schedule,
    slurm,
    swift,
    template,
    tuner,
)
from vlft.rules.base import PLANNABLE, RULES, Context, check

__all__ = ["PLANNABLE", "RULES", "Context", "check"]
