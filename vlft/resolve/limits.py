"""What the limits of a config come to in tokens, for the models that go by pixels (Qwen-VL)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vlft.models.limits import (
    FRAME_MAX_TOKENS,
    FRAME_MIN_TOKENS,
    IMAGE_MAX_TOKENS,
    IMAGE_MIN_TOKENS,
    limits_from,
)
from vlft.plan.environment import owned_variables
from vlft.resolve.model import own_family

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.config.reader import LoadedConfig
    from vlft.config.source import KeyPath
    from vlft.models import Family
    from vlft.models.limits import PixelLimits
    from vlft.rules.base import Context


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


Key = Literal["min", "max", "video.min", "video.max"]

VARIABLES: dict[Key, tuple[str, str, int]] = {
    "min": ("IMAGE_MIN_TOKEN_NUM", "MIN_PIXELS", IMAGE_MIN_TOKENS),
    "max": ("IMAGE_MAX_TOKEN_NUM", "MAX_PIXELS", IMAGE_MAX_TOKENS),
    "video.min": ("VIDEO_MIN_TOKEN_NUM", "VIDEO_MIN_PIXELS", FRAME_MIN_TOKENS),
    "video.max": ("VIDEO_MAX_TOKEN_NUM", "VIDEO_MAX_PIXELS", FRAME_MAX_TOKENS),
}
"""Key under `pixels:` → (variable in tokens, variable in pixels, default in tokens), of an image
or of a frame. ms-swift reads the pixels only where the tokens are not given."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit as qwen_vl_utils will have it.

    Attributes:
        tokens: Of an image, or of a frame.
        path: Key that says so; None if it is the default.
        name: How a message calls it.
    """

    tokens: int
    path: KeyPath | None
    name: str


def side_of_a_token(context: Context) -> int | None:
    """Pixels of a token's side; None for a model that does not go by pixels."""
    family = own_family(context)
    return family.vision.side if family and family.vision else None


def limit(context: Context, key: Key, side: int) -> Limit:
    """A limit in tokens, from whichever place ms-swift takes it."""
    in_tokens, in_pixels, default = VARIABLES[key]
    for values, path in variables(context, in_tokens):
        number = _number(values.get(in_tokens))
        if number is not None:
            return Limit(number, path, in_tokens)
    pixels = context.config.pixels
    own = {
        "min": pixels.min,
        "max": pixels.max,
        "video.min": pixels.video.min,
        "video.max": pixels.video.max,
    }[key]
    if own is not None:
        return Limit(own // side**2, ("pixels", *key.split(".")), f"pixels.{key}")
    number = _number(context.facts.environ.get(in_pixels))
    if number is not None:
        return Limit(number // side**2, ("env",), in_pixels)
    return Limit(default, None, in_tokens)


def variables(context: Context, name: str) -> Iterator[tuple[Mapping[str, object], KeyPath]]:
    """Where a variable can be set beside the sections, the one that wins first."""
    given = context.config.swift.get("model_kwargs")
    if isinstance(given, dict):
        yield {str(key).upper(): value for key, value in given.items()}, ("swift", "model_kwargs")
    yield context.config.env, ("env", name)
    yield context.facts.environ, ("env",)


def _number(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
