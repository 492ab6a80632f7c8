"""Whether a checkpoint was saved to its end.

The Trainer writes the weights, the optimizer's state, the states of the random generators and,
last, trainer_state.json (transformers/trainer.py: _save_checkpoint); the other ranks write
theirs meanwhile. A kill in between leaves a folder that looks like a checkpoint.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.probe.json_file import read_json
from vlft.probe.safetensors import BrokenFileError, read_header, weight_files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_STATE = "trainer_state.json"
_TORCH_FILES = (".pt", ".pth", ".bin")
_RNG = re.compile(r"rng_state_(\d+)\.pth")
_ZERO = re.compile(r"zero_pp_rank_\d+_mp_rank_\d+_optim_states\.pt")
_ZIP_END = b"PK\x05\x06"  # torch.save writes a zip archive without a comment: 22 bytes from the end


def unsaved_part(folder: Path, world_size: int | None = None) -> str | None:
    """What is missing from a checkpoint, as a clause; None if it is whole.

    Args:
        folder: The checkpoint.
        world_size: Processes that saved it; None if that is not known.
    """
    return next(_missing(folder, world_size), None)


def _missing(folder: Path, world_size: int | None) -> Iterator[str]:
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        yield f"it can't be read: {error.strerror}"
        return
    if _STATE not in names:
        yield f"it has no {_STATE}, which is saved last"
        return
    try:
        read_json(folder / _STATE)
    except VlftError as problem:
        yield problem.message
    yield from _broken_weights(folder, names)
    for name in names:
        if name.endswith(_TORCH_FILES) and not _is_whole_archive(folder / name):
            yield f"{name} is cut short"
    states = sum(1 for name in names if _RNG.fullmatch(name))
    if world_size is not None and world_size > 1 and 0 < states < world_size:
        yield f"it has the random states of {states} of {world_size} processes"
    yield from _broken_zero(folder, names, world_size)


def _broken_weights(folder: Path, names: list[str]) -> Iterator[str]:
    for stem in ("model", "adapter_model"):
        try:
            files = weight_files(folder, names, stem)
        except VlftError as problem:
            yield problem.message
            continue
        for file in files:
            if file.endswith(".safetensors"):
                try:
                    read_header(folder / file)
                except BrokenFileError as problem:
                    yield f"{file} {problem}"
            elif file not in names:
                yield f"{file} is missing"


def _broken_zero(folder: Path, names: list[str], world_size: int | None) -> Iterator[str]:
    """What DeepSpeed saved: a folder of each rank's share, then a file that names it."""
    steps = [name for name in names if re.fullmatch(r"global_step\d+", name)]
    if not steps:
        return
    if "latest" not in names:
        yield "it has no file `latest`, which DeepSpeed saves last"
    for step in steps:
        try:
            files = list((folder / step).iterdir())
        except OSError as error:
            yield f"{step} can't be read: {error.strerror}"
            continue
        for file in files:
            if file.suffix == ".pt" and not _is_whole_archive(file):
                yield f"{step}/{file.name} is cut short"
        ranks = sum(1 for file in files if _ZERO.search(file.name))
        if world_size is not None and 0 < ranks < world_size:
            yield f"{step} has the optimizer states of {ranks} of {world_size} processes"


def _is_whole_archive(path: Path) -> bool:
    """Whether a file of torch.save has its end; a pickle of the old form can't be told."""
    try:
        with path.open("rb") as file:
            if file.read(2) != b"PK":
                return path.stat().st_size > 0
            file.seek(-22, 2)
            return file.read(4) == _ZIP_END
    except OSError:
        return False
