"""The limits on images and videos in force, and which key or variable decides each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from vlft.models.limits import (
    FRAME_MAX_TOKENS,
    FRAME_MIN_TOKENS,
    IMAGE_MAX_TOKENS,
    IMAGE_MIN_TOKENS,
    limits_from,
)
from vlft.resolve.variables import CALLER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.locations import KeyPath
    from vlft.models.limits import PixelLimits
    from vlft.resolve.variables import Variable

Key = Literal["min", "max", "video.min", "video.max"]

_VARIABLES: dict[Key, tuple[str, str, int]] = {
    "min": ("IMAGE_MIN_TOKEN_NUM", "MIN_PIXELS", IMAGE_MIN_TOKENS),
    "max": ("IMAGE_MAX_TOKEN_NUM", "MAX_PIXELS", IMAGE_MAX_TOKENS),
    "video.min": ("VIDEO_MIN_TOKEN_NUM", "VIDEO_MIN_PIXELS", FRAME_MIN_TOKENS),
    "video.max": ("VIDEO_MAX_TOKEN_NUM", "VIDEO_MAX_PIXELS", FRAME_MAX_TOKENS),
}
# Key under `pixels:` → variable in tokens, variable in pixels, default in tokens. ms-swift reads
# the pixels only where the tokens are not given (swift/model/models/qwen.py:
# compat_qwen_vl_utils).


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit as qwen_vl_utils will have it.

    Attributes:
        tokens: Of an image, or of a frame.
        path: Key that decides it; None if it is the default.
        name: How a message calls it.
    """

    tokens: int
    path: KeyPath | None
    name: str


@dataclass(frozen=True)
class Limits:
    """All limits of a run.

    Attributes:
        variables: The trainer's environment (see `resolve.variables`).
        rescale: `--max_pixels`, to which an image is shrunk before the template sees it.
        side: Pixels of a token's side; None for a model whose limits are not in pixels.
    """

    variables: Mapping[str, Variable]
    rescale: int | None
    side: int | None

    @cached_property
    def pixels(self) -> PixelLimits:
        """The limits as the arithmetic of `models/` takes them.

        Raises:
            VlftError: If a variable is not a number: ms-swift fails on it as well.
        """
        texts = {name: variable.text for name, variable in self.variables.items()}
        return limits_from(texts, self.rescale)

    def limit(self, key: Key) -> Limit:
        """A limit in tokens; only where `side` is known."""
        in_tokens, in_pixels, default = _VARIABLES[key]
        square = (self.side or 1) ** 2
        for name, divisor in ((in_tokens, 1), (in_pixels, square)):
            variable = self.variables.get(name)
            number = None if variable is None else _number(variable.text)
            if variable is not None and number is not None:
                named = variable.name_of_key if variable.path[0] == "pixels" else name
                return Limit(number // divisor, variable.path, named)
        return Limit(default, None, in_tokens)

    def override(self, key: Key) -> tuple[str, Variable] | None:
        """The variable in tokens that makes the limit in pixels void, with its name."""
        name = _VARIABLES[key][0]
        variable = self.variables.get(name)
        return (name, variable) if variable is not None and variable.text else None

    def text(self, name: str) -> tuple[str, KeyPath] | None:
        """A variable and the key that decides it; None if it is not set."""
        variable = self.variables.get(name)
        return None if variable is None else (variable.text, variable.path)


def is_callers(path: KeyPath) -> bool:
    """Whether a limit comes from the caller's environment."""
    return path == CALLER


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
