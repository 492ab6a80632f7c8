"""Names of environment variables that ms-swift and its templates read."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlft.config.schema import ENVIRONMENT, NODE_ENVIRONMENT

_FILE = Path(__file__).parent / "names.json"


@dataclass(frozen=True, slots=True)
class OldName:
    """An argument that is gone.

    Attributes:
        name: What it was called.
        new: What it is called now; None if nothing took its place.
        last_seen: The last release that had it: `2.6.1`.
    """

    name: str
    new: str | None
    last_seen: str

    @property
    def gone(self) -> str:
        """When it went, for the end of a sentence."""
        return "since v3" if self.last_seen.startswith("2.") else f"since after v{self.last_seen}"


def old_name(subcommand: str, name: str) -> OldName | None:
    """What became of an argument; None if no release had it and dropped it.

    Args:
        subcommand: `sft` and what shares its arguments (`pt`, `rlhf`), or `export`.
        name: With underscores or hyphens.
    """
    plain = name.replace("-", "_")
    found = _names()["export" if subcommand == "export" else "sft"].get(plain)
    return OldName(plain, found[0], found[1]) if found else None


@functools.cache
def _names() -> Any:
    """The file; read once, and only when an argument is unknown."""
    return json.loads(_FILE.read_bytes())


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
