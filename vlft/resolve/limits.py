"""The limits on images and videos in force, and which key or variable decides each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from vlft.models.limits import limit_problem, limits_from
from vlft.resolve.variables import CALLER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.entry import KeyPath
    from vlft.models import Vision
    from vlft.models.limits import PixelLimits, TokenLimits
    from vlft.resolve.variables import Variable

Key = Literal["min", "max", "video.min", "video.max"]

_VARIABLES: dict[Key, tuple[str, str, str]] = {
    "min": ("IMAGE_MIN_TOKEN_NUM", "MIN_PIXELS", "image_min"),
    "max": ("IMAGE_MAX_TOKEN_NUM", "MAX_PIXELS", "image_max"),
    "video.min": ("VIDEO_MIN_TOKEN_NUM", "VIDEO_MIN_PIXELS", "frame_min"),
    "video.max": ("VIDEO_MAX_TOKEN_NUM", "VIDEO_MAX_PIXELS", "frame_max"),
}
# Key under `pixels:` → variable in tokens, variable in pixels, field of `TokenLimits`. ms-swift
# reads the pixels only where the tokens are not given (swift/model/models/qwen.py:
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
        vision: Reads the variables; None for a family that is not known.
    """

    variables: Mapping[str, Variable]
    rescale: int | None
    vision: Vision | None

    @cached_property
    def texts(self) -> Mapping[str, str]:
        """The variables that the model reads."""
        read = self.vision.variables if self.vision is not None else frozenset()
        return {name: one.text for name, one in self.variables.items() if name in read}

    @cached_property
    def problems(self) -> Mapping[str, str]:
        """Variable → what is wrong with it; ms-swift fails on it as well."""
        found = {name: limit_problem(name, text) for name, text in self.texts.items()}
        return {name: problem for name, problem in found.items() if problem is not None}

    @cached_property
    def pixels(self) -> PixelLimits:
        """The limits as the arithmetic of `models/` takes them.

        Raises:
            VlftError: If a variable is not a number: see `problems`.
        """
        return limits_from(self.texts, self.rescale)

    @cached_property
    def tokens(self) -> TokenLimits | None:
        """The limits in whole tokens; None for tiles, and where one is not a number."""
        if self.vision is None or self.problems:
            return None
        return self.vision.token_limits(self.pixels)

    @property
    def side(self) -> int | None:
        """Pixels of a token's side; None where there are no limits in tokens."""
        return None if self.vision is None or self.tokens is None else self.vision.side

    def limit(self, key: Key) -> Limit:
        """A limit in tokens; only where `side` is known."""
        in_tokens, in_pixels, field = _VARIABLES[key]
        tokens = int(getattr(self.tokens, field))
        for name in (in_tokens, in_pixels):
            variable = self.variables.get(name)
            if variable is not None and variable.text:
                named = variable.name_of_key if variable.path[0] == "pixels" else name
                return Limit(tokens, variable.path, named)
        return Limit(tokens, None, in_tokens)

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
