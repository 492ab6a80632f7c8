"""Environment variables of the trainer."""

from __future__ import annotations

from vlft.config.schema import ENVIRONMENT, NODE_ENVIRONMENT
from vlft.rules.base import Problem, Problems, RunSpec, rule
from vlft.security.secrets import mask_value
from vlft.text import near_miss as nearest_variable

READ = frozenset({
    "BASE_SIZE", "CELOSS_PARALLEL_SIZE", "CROP_MODE", "DISABLE_MP_DDP", "DOWNSAMPLE_MODE",
    "ENABLE_AUDIO_OUTPUT", "FORCE_QWENVL_VIDEO_READER", "FPS", "FPS_MAX_FRAMES",
    "FPS_MIN_FRAMES", "FRAME_FACTOR", "HD_NUM", "HF_ENDPOINT", "IMAGE_FACTOR",
    "IMAGE_MAX_TOKEN_NUM", "IMAGE_MIN_TOKEN_NUM", "IMAGE_SIZE", "IMG_SIZE", "INPUT_SIZE",
    "LOG_LEVEL", "MAX_NUM", "MAX_NUM_FRAMES", "MAX_PARTITION", "MAX_RATIO",
    "MAX_SLICE_NUMS", "MODELSCOPE_API_TOKEN", "MODELSCOPE_CACHE", "MODEL_SEQ_LEN", "NFRAMES",
    "NUM_CROPS", "NUM_FRAMES", "N_MELS", "PACKING_CACHE", "PYTORCH_CUDA_ALLOC_CONF",
    "QWENVL_BBOX_FORMAT", "RANDOM_DATASET_RESPONSE", "ROOT_IMAGE_DIR", "SAMPLING_RATE",
    "SPATIAL_MERGE_SIZE", "STACK_FRAMES", "SWIFT_DEBUG", "SWIFT_MEDIA_ALLOWED_DIRS",
    "SWIFT_SINGLE_DEVICE_MODE", "SWIFT_TIMEOUT", "TOKENIZERS_PARALLELISM",
    "TORCHCODEC_NUM_THREADS", "USE_AUDIO_IN_VIDEO", "VIDEO_LOAD_BACKEND",
    "VIDEO_MAX_SLICE_NUMS", "VIDEO_MAX_TOKEN_NUM", "VIDEO_MIN_TOKEN_NUM", "VIDEO_SEGMENTS",
    "VIDEO_TOTAL_PIXELS", "WANDB_PROJECT",
}).union(ENVIRONMENT, NODE_ENVIRONMENT)  # fmt: skip
"""What a misspelt name may have been meant for."""

OTHERS = frozenset({
    "LOGLEVEL",  # torchrun
    "PYTORCH_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF", "PYTORCH_NPU_ALLOC_CONF",  # torch
    "USE_TF",  # transformers
    "VLLM_NUM_FRAMES",  # ms-swift's vLLM backend
})  # fmt: skip
"""Names of their own that look like one of these."""

GONE = {"SIZE_FACTOR": "IMAGE_FACTOR"}
"""Name that earlier releases read → today's."""


def is_legal(name: str) -> bool:
    """Whether a variable of that name exists in ms-swift or is known to mean something else."""
    return name in READ or name in OTHERS or name.endswith("_VISIBLE_DEVICES")


@rule("error", "silent")
def owned(run: RunSpec) -> Problems:
    """A variable that a section decides is not set under `env:`.

    Source: one owner a value
    """
    for name in run.config.env:
        if name in ENVIRONMENT:
            message = f"`{name}` is decided by `{ENVIRONMENT[name]}`"
            hint = f"write `{ENVIRONMENT[name]}` instead"
            yield Problem(("env", name), message, hint, at_key=True)
        elif name in NODE_ENVIRONMENT:
            hint = NODE_ENVIRONMENT[name]
            yield Problem(("env", name), f"`{name}` is set by the launcher", hint, at_key=True)
    for key in run.args.mapping("model_kwargs") or ():
        owner = ENVIRONMENT.get(str(key).upper())
        if owner is not None:
            yield Problem(
                ("swift", "model_kwargs", key),
                f"`{key}` is set as the variable `{str(key).upper()}`, which `{owner}` decides",
                f"write `{owner}` instead",
                at_key=True,
            )


@rule("error", "silent")
def near_miss(run: RunSpec) -> Problems:
    """A variable's name is not a misspelling of one that ms-swift reads.

    Source: swift/utils/env.py: get_env_args reads the names that it knows
    """
    for name in run.config.env:
        if is_legal(name):
            continue
        meant = GONE.get(name) or nearest_variable(name, sorted(READ))
        if meant is not None:
            owner = ENVIRONMENT.get(meant)
            hint = f"did you mean `{meant}`?" + (f" write `{owner}`" if owner else "")
            yield Problem(("env", name), f"nothing reads the variable `{name}`", hint, at_key=True)


@rule("error", "silent")
def value(run: RunSpec) -> Problems:
    """A variable's value is one text, number or truth value.

    Source: an environment holds text
    """
    for name, value in run.config.env.items():
        if isinstance(value, (list, dict)):
            message = f"`{name}` is a {'list' if isinstance(value, list) else 'mapping'}"
            hint = "write the text that the variable is to hold, in quotes"
            yield Problem(("env", name), message, hint)


@rule("warning", "silent")
def differs(run: RunSpec) -> Problems:
    """A variable that the config decides is not set to something else by the caller.

    Source: the config wins over the caller's environment
    """
    caller = run.facts.environ
    for name, variable in run.decided_variables.items():
        if name in caller and not caller.holds(name, variable.text):
            shown = mask_value(name, variable.text)
            message = f"the environment has {name}={caller[name]}; the config's {shown} is used"
            yield Problem(variable.path, message, f"unset {name}, or change the config")


@rule("info", "silent")
def inherited(run: RunSpec) -> Problems:
    """A variable of the caller that changes the run is said.

    Source: ms-swift reads it from the environment
    """
    for name, value in run.inherited_variables.items():
        owner = ENVIRONMENT.get(name, f"env: {{{name}: …}}")
        message = f"{name}={value} comes from the environment, not from the config"
        yield Problem(("env",), message, f"write `{owner}` to make it part of the config")
