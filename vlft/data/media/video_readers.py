"""Which package opens a video file in the trainer.

qwen_vl_utils takes torchcodec, else decord, and torchvision where that one fails
(vision_process.py: get_video_reader_backend, fetch_video); ms-swift gives InternVL's own form to
decord as bytes (swift/template/vision_utils.py: load_video_internvl) and the `-hf` form to
transformers (load_video_hf: VIDEO_LOAD_BACKEND, PyAV without it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from vlft.models import DEFAULT_FAMILY, family_of

if TYPE_CHECKING:
    from collections.abc import Mapping

VideoReader = Literal[
    "decord",
    "decord_or_torchvision",
    "decord_bytes",
    "torchcodec",
    "torchcodec_or_torchvision",
    "pyav",
    "none",
    "other",
]
"""`…_or_torchvision`: an old torchvision gets what the first one refuses; `decord_bytes`: the
file is in memory; `none`: no package is there, and rows with a video are replaced; `other`: one
whose frames vlft does not count. (torchcodec needs FFmpeg on the machine besides.)"""

_READS_NO_VIDEOS = (0, 26)
"""The release of torchvision that lost io.read_video; qwen_vl_utils still calls it."""


def video_reader(
    model_type: str | None, variables: Mapping[str, str], packages: Mapping[str, str] | None
) -> VideoReader:
    """The reader of a run.

    Args:
        model_type: ms-swift's, of the model; None is taken for the default family.
        variables: Environment of the trainer.
        packages: Installed for it, by normalised name; None where that is not known, and the
            `train` extra is taken to be there.
    """
    there = {"decord": "", "av": ""} if packages is None else packages
    loader = (family_of(model_type) or DEFAULT_FAMILY).video_loader
    if loader == "swift":
        return "decord_bytes" if "decord" in there else "none"
    if loader == "transformers":
        return _of_transformers(variables, there)
    return _of_qwen_vl_utils(variables, there)


def _of_transformers(variables: Mapping[str, str], there: Mapping[str, str]) -> VideoReader:
    asked = variables.get("VIDEO_LOAD_BACKEND") or "pyav"
    if asked == "pyav":
        return "pyav" if "av" in there else "none"
    if asked == "decord":
        return "decord" if "decord" in there else "none"
    return "other"


def _of_qwen_vl_utils(variables: Mapping[str, str], there: Mapping[str, str]) -> VideoReader:
    old = _reads_videos(there.get("torchvision", ""))
    asked = variables.get("FORCE_QWENVL_VIDEO_READER") or (
        "torchcodec" if "torchcodec" in there else "decord"
    )
    if asked == "decord" and asked in there:
        return "decord_or_torchvision" if old else "decord"
    if asked == "torchcodec" and asked in there:
        return "torchcodec_or_torchvision" if old else "torchcodec"
    return "other" if old else "none"


def _reads_videos(torchvision: str) -> bool:
    parts = torchvision.split(".")[:2]
    numbers = tuple(int(part) for part in parts if part.isdigit())
    return len(numbers) == len(_READS_NO_VIDEOS) and numbers < _READS_NO_VIDEOS
