"""Environment variables that a run's trainer gets on top of the caller's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.engines.traits import traits_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.reader import LoadedConfig
    from vlft.config.schema import Pixels
    from vlft.config.source import KeyPath
    from vlft.models import Family
    from vlft.probe.collect import Facts
    from vlft.resolve.world import World

# What makes a CPU run faster where the caller has said nothing. glibc gives large freed
# blocks back to the kernel and faults them in again at every step; logits over a whole
# vocabulary are such blocks, and a third of the time goes there. OpenMP's threads spin while
# they wait, which costs most of the speed as soon as anything else runs. Sizes in bytes.
CPU_DEFAULTS = {
    "MALLOC_TRIM_THRESHOLD_": str(4 * 1024**3),
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024**3),
    "MALLOC_TOP_PAD_": str(256 * 1024**2),
    "OMP_WAIT_POLICY": "PASSIVE",
}

# Variables of a launcher around vlft that would be taken for this run's own.
FOREIGN = (
    "RANK",
    "LOCAL_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "LOCAL_SIZE",
    "NPROC_PER_NODE",
    "NNODES",
    "NODE_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
)


# Variables that ms-swift, torch or the hubs read and that change what a run does or finds.
_TELLING = frozenset({
    "CROP_MODE", "CUDA_VISIBLE_DEVICES", "DISABLE_MP_DDP", "HF_ENDPOINT", "HF_HOME",
    "HF_HUB_OFFLINE", "HD_NUM", "INPUT_SIZE", "MASTER_ADDR", "MASTER_PORT", "MODELSCOPE_CACHE",
    "MODEL_SEQ_LEN", "NFRAMES", "NNODES", "NPROC_PER_NODE", "NUM_FRAMES",
    "PYTORCH_CUDA_ALLOC_CONF", "RANDOM_DATASET_RESPONSE", "ROOT_IMAGE_DIR", "USE_HF",
})  # fmt: skip
_TELLING_PREFIXES = ("FPS", "IMAGE_", "MAX_", "MIN_", "QWENVL_", "SWIFT_", "VIDEO_")
# Used only where the config is silent.
_FALLBACKS = {
    "NPROC_PER_NODE": "nproc_per_node",
    "NNODES": "nnodes",
    "MASTER_ADDR": "master_addr",
    "MASTER_PORT": "master_port",
}


def inherited_variables(
    loaded: LoadedConfig, family: Family | None, caller: Mapping[str, str]
) -> dict[str, str]:
    """Variables of the caller that reach the run and change it."""
    config = loaded.config
    owned = {name for name, key in _FALLBACKS.items() if getattr(config.launch, key) is not None}
    owned |= set(owned_variables(loaded, family))
    if config.launch.gpus != "auto":
        owned.add("CUDA_VISIBLE_DEVICES")
    return {
        name: value
        for name, value in sorted(caller.items())
        if (name in _TELLING or name.startswith(_TELLING_PREFIXES)) and name not in owned
    }


def overruled_variables(
    loaded: LoadedConfig, family: Family | None
) -> dict[str, tuple[KeyPath, str]]:
    """All variables that the config decides, those of the launcher too."""
    launch = loaded.config.launch
    decided: dict[str, tuple[KeyPath, str]] = dict(owned_variables(loaded, family))
    for name, key in _FALLBACKS.items():
        value = getattr(launch, key)
        if value is not None:
            decided[name] = (("launch", key), str(value))
    if isinstance(launch.gpus, list):
        decided["CUDA_VISIBLE_DEVICES"] = (("launch", "gpus"), ",".join(map(str, launch.gpus)))
    return decided


def pixel_values(pixels: Pixels) -> dict[str, int | float]:
    """Limits that are given, by their key under `pixels:` (`video.max`)."""
    given = {key: value for key, value in pixels.given().items() if key != "video"}
    return given | {f"video.{key}": value for key, value in pixels.video.given().items()}


def owned_variables(loaded: LoadedConfig, family: Family | None) -> dict[str, tuple[KeyPath, str]]:
    """Variables that the config decides: name → (the key that says so, value)."""
    config = loaded.config
    owned: dict[str, tuple[KeyPath, str]] = {}
    variables = family.pixel_variables if family else _all_pixel_variables()
    for key, value in pixel_values(config.pixels).items():
        path = ("pixels", *key.split("."))
        if key in variables:
            owned[variables[key]] = (path, loaded.written(path, value))
    for name, value in config.env.items():
        if value is not None:
            owned[name] = (("env", name), loaded.written(("env", name), value))
    return owned


def _all_pixel_variables() -> Mapping[str, str]:
    """For a model whose family is not known: every variable under its key."""
    from vlft.models import FAMILIES  # noqa: PLC0415 - the rare way

    merged: dict[str, str] = {}
    for family in FAMILIES:
        merged.update(family.pixel_variables)
    return merged


def environment(
    loaded: LoadedConfig, facts: Facts, world: World, family: Family | None
) -> dict[str, str]:
    """What vlft sets for the trainer; the launcher's own variables come with the command."""
    caller = facts.environ
    env = {name: value for name, (_, value) in owned_variables(loaded, family).items()}
    env = _of_checkpoint(loaded, facts, family) | env
    if world.visible_devices is not None:
        env[_devices_variable(facts)] = world.visible_devices
    if world.cpu:
        env = {name: value for name, value in CPU_DEFAULTS.items() if name not in caller} | env
    cores = traits_of(loaded.config.launch.engine).cores_per_node(loaded.config)
    if cores is None and facts.hardware is not None:
        cores = facts.hardware.cores
    if cores and "OMP_NUM_THREADS" not in caller:
        threads = max(1, cores // (world.nproc_per_node or 1))
        env.setdefault("OMP_NUM_THREADS", str(threads))
    if "PYTHONUNBUFFERED" not in caller:
        env.setdefault("PYTHONUNBUFFERED", "1")  # the log says where it is, also in a crash
    return dict(sorted(env.items()))


def _of_checkpoint(loaded: LoadedConfig, facts: Facts, family: Family | None) -> dict[str, str]:
    """What the checkpoint's config asks for, where nobody says otherwise."""
    from vlft.models import tile_variables  # noqa: PLC0415 - the others are annotations

    checkpoint = facts.model.checkpoint
    asked = tile_variables(family, checkpoint.config if checkpoint else None)
    given = loaded.config.swift.get("model_kwargs")
    told = {str(name).upper() for name in given} if isinstance(given, dict) else set()
    return {
        name: value
        for name, value in asked.items()
        if name not in facts.environ and name not in told
    }


def _devices_variable(facts: Facts) -> str:
    """The variable that says which devices a process sees: Ascend's own with torch_npu."""
    packages = facts.interpreter.packages if facts.interpreter else {}
    return "ASCEND_RT_VISIBLE_DEVICES" if "torch-npu" in packages else "CUDA_VISIBLE_DEVICES"
