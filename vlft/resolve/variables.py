"""Environment variables of the trainer, and which key or caller decides each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.entry import KeyPath
    from vlft.config.reader import LoadedConfig
    from vlft.models import Family
    from vlft.resolve.model import ModelSpec
    from vlft.swift.args import SwiftArgs

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
