"""Environment variables of the trainer, the limits on images and videos among them.

For each: which key or caller decides it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

from vlft.models.limits import limit_problem, limits_from

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.entry import KeyPath
    from vlft.config.reader import LoadedConfig
    from vlft.models import Family, Vision
    from vlft.models.limits import PixelLimits, TokenLimits
    from vlft.resolve.args import SwiftArgs
    from vlft.resolve.model import ModelSpec


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
# Used only where the config is silent.
_FALLBACKS: Final = {
    "NPROC_PER_NODE": "nproc_per_node",
    "NNODES": "nnodes",
    "MASTER_ADDR": "master_addr",
    "MASTER_PORT": "master_port",
}
# ms-swift skips these names in model_kwargs (base_args.py: _BLOCKED_MODEL_KWARGS).
_BLOCKED: Final = frozenset({
    "PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONBREAKPOINT", "PYTHONINSPECT", "LD_PRELOAD",
    "LD_AUDIT", "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
    "BASH_ENV", "ENV", "ZDOTDIR", "PERL5OPT", "PERL5LIB", "PERLLIB", "NODE_OPTIONS",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the trainer.

    Attributes:
        text: Its value.
        path: The key that decides it; CALLER where no key does.
    """

    text: str
    path: KeyPath

    @property
    def name_of_key(self) -> str:
        """`pixels.max`."""
        return ".".join(map(str, self.path))


def pixel_settings(loaded: LoadedConfig) -> dict[str, int | float]:
    """Limits that are given, by their key under `pixels:` (`max`, `video.max`)."""
    pixels = loaded.config.pixels
    given = {key: value for key, value in pixels.given().items() if key != "video"}
    return given | {f"video.{key}": value for key, value in pixels.video.given().items()}


def config_variables(loaded: LoadedConfig, family: Family | None) -> dict[str, Variable]:
    """Variables of `pixels:` and `env:`; of an unknown family every one that fits a key."""
    keys = family.pixel_variables if family else _all_pixel_variables()
    decided = {}
    for key, value in pixel_settings(loaded).items():
        path = ("pixels", *key.split("."))
        if key in keys:
            decided[keys[key]] = Variable(loaded.written(path, value), path)
    for name, value in loaded.config.env.items():
        if value is not None:
            path = ("env", name)
            decided[name] = Variable(loaded.written(path, value), path)
    return decided


def launcher_variables(loaded: LoadedConfig) -> dict[str, Variable]:
    """Variables of the launcher that `launch:` decides."""
    launch = loaded.config.launch
    decided = {
        name: Variable(str(value), ("launch", key))
        for name, key in _FALLBACKS.items()
        if (value := getattr(launch, key)) is not None
    }
    if isinstance(launch.gpus, list):
        decided["CUDA_VISIBLE_DEVICES"] = Variable(
            ",".join(map(str, launch.gpus)), ("launch", "gpus")
        )
    return decided


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


def trainer_variables(
    loaded: LoadedConfig, family: Family | None, args: SwiftArgs, caller: Mapping[str, str]
) -> dict[str, Variable]:
    """What the trainer's template reads: `model_kwargs`, then the config, then the caller."""
    inherited = {name: Variable(text, CALLER) for name, text in caller.items()}
    return inherited | config_variables(loaded, family) | model_kwargs(args)


def added_variables(model: ModelSpec, decided: Mapping[str, Variable]) -> dict[str, str]:
    """Variables that the checkpoint's config.json needs and nobody decides.

    Args:
        model: Of the run.
        decided: What the trainer's template reads.
    """
    from vlft.models import checkpoint_variables  # noqa: PLC0415 - few commands render a run

    config = model.checkpoint.config if model.checkpoint else None
    needed = checkpoint_variables(model.family, config)
    return {name: text for name, text in needed.items() if name not in decided}


def inherited_variables(
    loaded: LoadedConfig, family: Family | None, caller: Mapping[str, str]
) -> dict[str, str]:
    """Variables of the caller that reach the run and change it."""
    launch = loaded.config.launch
    owned = {name for name, key in _FALLBACKS.items() if getattr(launch, key) is not None}
    owned |= set(config_variables(loaded, family))
    if launch.gpus != "auto":
        owned.add("CUDA_VISIBLE_DEVICES")
    return {
        name: value
        for name, value in sorted(caller.items())
        if (name in _RELEVANT or name.startswith(_RELEVANT_PREFIXES)) and name not in owned
    }


def _all_pixel_variables() -> Mapping[str, str]:
    from vlft.models import FAMILIES  # noqa: PLC0415 - only for a model of no known family

    merged: dict[str, str] = {}
    for family in FAMILIES:
        merged.update(family.pixel_variables)
    return merged


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
