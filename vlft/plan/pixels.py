"""The limits on pictures that a config's run will go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.families.limits import limits_from
from vlft.plan.environment import owned_variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.read import LoadedConfig
    from vlft.families import Family
    from vlft.families.limits import PixelLimits


def run_limits(
    loaded: LoadedConfig, family: Family | None, environ: Mapping[str, str]
) -> PixelLimits:
    """What the trainer will see: `swift.model_kwargs`, then the config, then the caller.

    Args:
        loaded: The config.
        family: Of its model; None if it is not known.
        environ: The caller's environment.

    Raises:
        VlftError: If a variable is no number.
    """
    variables = dict(environ)
    variables |= {name: value for name, (_, value) in owned_variables(loaded, family).items()}
    given = loaded.config.swift.get("model_kwargs")
    if isinstance(given, dict):
        variables |= {str(name).upper(): str(value) for name, value in given.items()}
    rescale = loaded.config.swift.get("max_pixels")
    whole = isinstance(rescale, int) and not isinstance(rescale, bool)
    return limits_from(variables, rescale if whole else None)
