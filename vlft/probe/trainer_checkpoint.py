"""A checkpoint folder of the Trainer: what is in it, and whether it was saved to its end.

The Trainer writes the weights, the optimizer's state, the states of the random generators and,
last, trainer_state.json (transformers/trainer.py: _save_checkpoint); the other ranks write
theirs meanwhile. A kill in between leaves a folder that looks like a checkpoint.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vlft.errors import VlftError
from vlft.files import load_json
from vlft.probe.safetensors import read_headers, weight_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_STATE = "trainer_state.json"
_TORCH_FILES = (".pt", ".pth", ".bin")
_RNG = re.compile(r"rng_state_\d+\.pth")
_ZERO = re.compile(r"zero_pp_rank_(\d+)_mp_rank_\d+_optim_states\.pt$")
_ZIP_END = b"PK\x05\x06"  # torch.save writes a zip archive without a comment: 22 bytes from the end


class ResumeFacts(Struct, frozen=True):
    """A checkpoint folder of the Trainer.

    Attributes:
        path: Absolute.
        exists: Whether there is such a folder.
        has_state: Whether there is a trainer_state.json that can be read.
        global_step: Step at which it was saved; None if it isn't said.
        has_optimizer: Whether the Trainer's own optimizer state is there.
        deepspeed_dirs: Names of DeepSpeed's folders, `global_step10`.
        zero_world_size: Processes among which DeepSpeed had divided the optimizer's state;
            None if it had not, or not in this way.
        is_adapter: Whether the weights are an adapter.
        args: args.json, what ms-swift was trained with; None if there is none.
        newest: The newest checkpoint inside, where the folder itself is none.
    """

    path: str
    exists: bool
    has_state: bool = False
    global_step: int | None = None
    has_optimizer: bool = False
    deepspeed_dirs: tuple[str, ...] = ()
    zero_world_size: int | None = None
    is_adapter: bool = False
    args: Mapping[str, Any] | None = None
    newest: str | None = None


def read_resume(path: str) -> ResumeFacts:
    """Looks into the folder; a broken file counts as absent."""
    folder = Path(path)
    if not os.path.isdir(path):  # noqa: PTH112  Path.is_dir fails on a name that is too long
        return ResumeFacts(path, os.path.exists(path))  # noqa: PTH110
    names = _names(folder)
    files = {}
    for name in (_STATE, "args.json"):
        if name in names:
            with suppress(VlftError):
                files[name] = load_json(folder / name)
    state = files.get(_STATE)
    step = state.get("global_step") if state else None
    zero = tuple(name for name in names if name.startswith("global_step"))
    return ResumeFacts(
        path=path,
        exists=True,
        has_state=state is not None,
        global_step=step if type(step) is int else None,
        has_optimizer=any(name in names for name in ("optimizer.pt", "optimizer.bin"))
        or any(name.startswith(("optimizer_", "pytorch_model_fsdp")) for name in names),
        deepspeed_dirs=zero,
        zero_world_size=_zero_world_size(folder, zero),
        is_adapter="adapter_config.json" in names
        or any((folder / name).exists() for name in ("default/adapter_config.json", "reft")),
        args=files.get("args.json"),
        newest=_newest(names),
    )


def _zero_world_size(folder: Path, zero: tuple[str, ...]) -> int | None:
    """Ranks in the folder that DeepSpeed would load: the one that `latest` names."""
    latest = zero[-1] if zero else None
    with suppress(OSError, ValueError):
        named = (folder / "latest").read_text(encoding="utf-8")[:200].strip()
        latest = named if named in zero else latest
    ranks = set(_ranks(_names(folder / latest))) if latest else ()
    return len(ranks) or None


def _ranks(names: Sequence[str]) -> list[str]:
    """The rank of each share of the optimizer's state among the files."""
    return [match[1] for match in map(_ZERO.search, names) if match]


def _newest(names: list[str]) -> str | None:
    steps = [name for name in names if re.fullmatch(r"checkpoint-\d{1,15}", name)]
    return max(steps, key=lambda name: int(name.rpartition("-")[2]), default=None)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  names are enough
    except OSError:
        return []


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
        load_json(folder / _STATE)
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
        _, problems = read_headers(folder, files)
        yield from (f"{file} {problem}" for file, problem in problems.items())


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
        ranks = len(_ranks([file.name for file in files]))
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
