"""The model under an adapter that is to be merged, checked to be the one that it belongs to."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.export.adapter import read_adapter, refuse_broken
from vlft.export.adapter_base import place
from vlft.export.verify import read_base
from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.base_model import base_folder
from vlft.runs.exports import mark_weights
from vlft.runs.inference_settings import base_of, saved_arguments

if TYPE_CHECKING:
    from vlft.export.merged import Base
    from vlft.export.request import Request
    from vlft.probe.checkpoint import Checkpoint
    from vlft.runs.target import Target
    from vlft.swift.interpreter import Interpreter


def require_same_base(target: Target, base: Checkpoint, *, fetched: bool = False) -> None:
    """Refuses a base of the right shape with other weights.

    The run's record holds marks of the base's files (`base` in run.json); where it does not, a
    base that was written after the training had begun is taken for another one.

    Args:
        target: The adapter and its run.
        base: The base.
        fetched: Whether it lies in a hub's cache: the training itself may have put it there, so
            its time tells nothing.

    Raises:
        VlftError: If it is not, or may not be, the one that was trained on.
    """
    if target.run is None:
        return
    hint = "name the model that it was trained on: --base DIR; or, if this is it: --trust-base"
    recorded = target.run.record.get("base")
    if isinstance(recorded, dict) and recorded:
        if mark_weights(base) != recorded:
            raise VlftError(
                f"{base.path} has other weights than those that the adapter was trained on", hint
            )
        return
    began = _time(target.run.started)
    if began is None or fetched:
        return
    for name in base.weight_files:
        written = Path(base.path, name).stat().st_mtime
        if written > began.timestamp() + 1:
            moment = datetime.fromtimestamp(written, tz=timezone.utc)
            raise VlftError(
                f"{base.path}/{name} was written at {moment:%Y-%m-%d %H:%M:%S} UTC, after the"
                f" training on it had begun ({began:%Y-%m-%d %H:%M:%S} UTC)",
                hint,
            )


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


# swift/arguments/base_args/base_args.py: what a merge is allowed for.
_MERGEABLE = ("lora", "longlora", "llamapro", "adalora")
_MERGEABLE_PEFT = ("LORA", "ADALORA")


def find_base(
    target: Target, request: Request, interpreter: Interpreter
) -> tuple[Base | None, str | None]:
    """The model under an adapter, and how to name it to ms-swift.

    Args:
        target: The adapter; a whole model has no base.
        request: Which base was named, and whether it is trusted.
        interpreter: The Python that merges; it reads weights in pickles.

    Returns:
        The base, None where it is a hub's id that is in no cache here; its folder or id, None
        for a whole model.

    Raises:
        VlftError: If the adapter can't be merged, or not into this base.
    """
    checkpoint = target.checkpoint
    if checkpoint.kind == "model":
        refuse_broken(checkpoint)
        return None, None
    _refuse_tuner(target)
    adapter = read_adapter(checkpoint)
    name = base_of(target, request.base)
    folder = base_folder(target, request.base)
    if folder is None:
        return None, name
    found = read_checkpoint(folder)
    refuse_broken(found)
    if found.quantization is not None:
        raise VlftError(
            f"the model under the adapter is quantised: {folder}",
            "a merge needs the weights that it was quantised from: --base DIR",
        )
    base = read_base(found, interpreter)
    if base.headers:
        place(adapter, base.headers, found.path)
    if not request.trust_base:
        require_same_base(target, found, fetched=not Path(name).is_dir())
    return base, found.path


def _refuse_tuner(target: Target) -> None:
    saved = saved_arguments(target)
    kind = str(saved.get("tuner_type") or saved.get("train_type") or "lora")  # 4.0 renamed it
    peft = str((target.checkpoint.adapter or {}).get("peft_type", "LORA"))
    if kind not in _MERGEABLE or peft not in _MERGEABLE_PEFT:
        raise VlftError(
            f"an adapter of {kind if kind not in _MERGEABLE else peft} can't be merged",
            f"ms-swift merges {', '.join(_MERGEABLE)}; `vlft infer` uses the adapter as it is",
        )
