"""What is in the checkpoint that a run goes on from."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.errors import VlftError
from vlft.probe.json_file import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_RANK = re.compile(r"zero_pp_rank_(\d+)_mp_rank_\d+_optim_states\.pt$")


@dataclass(frozen=True, slots=True)
class ResumeFacts:
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
    state = _json(folder, "trainer_state.json", names)
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
        zero_world_size=_zero_world_size(folder, names, zero),
        is_adapter="adapter_config.json" in names
        or any((folder / name).exists() for name in ("default/adapter_config.json", "reft")),
        args=_json(folder, "args.json", names),
        newest=_newest(names),
    )


def _zero_world_size(folder: Path, names: list[str], zero: tuple[str, ...]) -> int | None:
    """Ranks in the folder that DeepSpeed would load: the one that `latest` names."""
    latest = zero[-1] if zero else None
    if "latest" in names:
        try:
            named = (folder / "latest").read_text(encoding="utf-8")[:200].strip()
        except (OSError, ValueError):
            named = ""
        latest = named if named in zero else latest
    found = [_RANK.search(name) for name in (_names(folder / latest) if latest else ())]
    ranks = {int(match[1]) for match in found if match}
    return len(ranks) or None


def _newest(names: list[str]) -> str | None:
    steps = [name for name in names if re.fullmatch(r"checkpoint-\d{1,15}", name)]
    return max(steps, key=lambda name: int(name.rpartition("-")[2]), default=None)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  names are enough
    except OSError:
        return []


def _json(folder: Path, name: str, names: list[str]) -> dict[str, Any] | None:
    if name not in names:
        return None
    try:
        return read_json(folder / name)
    except VlftError:
        return None
