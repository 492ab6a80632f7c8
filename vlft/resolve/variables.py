"""Environment variables of the trainer, the limits on images and videos among them.

For each: which key or caller decides it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from vlft.models.limits import PixelLimits, TokenLimits, limit_problem, limits_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.entry import KeyPath
    from vlft.models import Vision
    from vlft.resolve.args import SwiftArgs


CALLER: Final[KeyPath] = ("env",)
"""The key to point at for a variable that the config leaves to the caller."""

# Variables that ms-swift, torch or the hubs read and that change what a run does or finds.
_RELEVANT: Final = frozenset({
    "CROP_MODE", "CUDA_VISIBLE_DEVICES", "DISABLE_MP_DDP", "HF_ENDPOINT", "HF_HOME",
    "HF_HUB_OFFLINE", "HD_NUM", "INPUT_SIZE", "MASTER_ADDR", "MASTER_PORT", "MODELSCOPE_CACHE",
    "MODEL_SEQ_LEN", "NFRAMES", "NNODES", "NPROC_PER_NODE", "NUM_FRAMES",
    "PYTORCH_CUDA_ALLOC_CONF", "RANDOM_DATASET_RESPONSE", "ROOT_IMAGE_DIR", "USE_HF",
})  # fmt: skip
_RELEVANT_PREFIXES: Final = ("FPS", "IMAGE_", "MAX_", "MIN_", "QWENVL_", "SWIFT_", "VIDEO_")
LAUNCHER: Final = {
    "NPROC_PER_NODE": "nproc_per_node",
    "NNODES": "nnodes",
    "MASTER_ADDR": "master_addr",
    "MASTER_PORT": "master_port",
}
"""Variable of the launcher → key under `launch:`; it is used only where the config is silent."""

# ms-swift skips these names in model_kwargs (base_args.py: _BLOCKED_MODEL_KWARGS).
_BLOCKED: Final = frozenset({
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONBREAKPOINT", "PYTHONINSPECT", "LD_PRELOAD",
    "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
    "BASH_ENV", "ENV", "ZDOTDIR", "PERL5OPT", "PERL5LIB", "PERLLIB", "NODE_OPTIONS",
})  # fmt: skip


class Variable(Struct, frozen=True):
    """One variable of the trainer.

    Attributes:
        text: Its value.
        path: The key that decides it; CALLER where no key does.
    """

    text: str
    path: KeyPath


def is_relevant(name: str) -> bool:
    """Whether a variable of the caller changes what a run does or finds."""
    return name in _RELEVANT or name.startswith(_RELEVANT_PREFIXES)


def all_pixel_variables() -> Mapping[str, str]:
    """Key under `pixels:` → variable, of all families: for a model of none that is known."""
    from vlft.models import FAMILIES  # noqa: PLC0415 - only for a model of no known family

    merged: dict[str, str] = {}
    for family in FAMILIES:
        merged.update(family.pixel_variables)
    return merged


def model_kwargs(args: SwiftArgs) -> dict[str, Variable]:
    """Variables that ms-swift sets from `--model_kwargs`, over those of its environment.

    Source: swift/arguments/base_args/base_args.py: _init_model_kwargs.
    """
    path = args.path("model_kwargs")
    return {
        name.upper(): Variable(str(value), (*path, name))
        for name, value in (args.mapping("model_kwargs") or {}).items()
        if name.upper() not in _BLOCKED
    }


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


class Limit(Struct, frozen=True):
    """One limit as qwen_vl_utils will have it.

    Attributes:
        tokens: Of an image, or of a frame.
        path: Key that decides it; None if it is the default.
        name: How a message calls it.
    """

    tokens: int
    path: KeyPath | None
    name: str


class Limits(Struct, frozen=True, dict=True):
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
                of_key = variable.path[0] == "pixels"
                named = ".".join(map(str, variable.path)) if of_key else name
                return Limit(tokens, variable.path, named)
        return Limit(tokens, None, in_tokens)

    def override(self, key: Key) -> tuple[str, Variable] | None:
        """The variable in tokens that makes the limit in pixels void, with its name."""
        name = _VARIABLES[key][0]
        variable = self.variables.get(name)
        return (name, variable) if variable is not None and variable.text else None
