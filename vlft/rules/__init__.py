"""What can be wrong with a config, one pure function a rule."""

from vlft.rules import batch, data, env, launch, model, pixels, swift, tuner
from vlft.rules.base import PLANNABLE, RULES, Context, check

__all__ = ["PLANNABLE", "RULES", "Context", "check"]

# Importing a module registers its rules.
_SUBJECTS = (batch, data, env, launch, model, pixels, swift, tuner)
