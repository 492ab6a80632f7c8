"""The model under an adapter that is to be merged, checked to be the one that it belongs to."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vlft.errors import TrainerError, VlftError
from vlft.export.adapter import changes_of, read_adapter, refuse_broken
from vlft.export.step import run_worker
from vlft.runs.exports import mark_weights
from vlft.runs.inference_settings import base_checkpoint, base_of, saved_arguments

if TYPE_CHECKING:
    from vlft.probe.checkpoint import Checkpoint
    from vlft.probe.safetensors import Tensors
    from vlft.runs.target import Target
    from vlft.swift.interpreter import Interpreter


class Base(Struct, frozen=True):
    """The model under an adapter.

    Attributes:
        checkpoint: Its folder.
        tensors: Its tensors; of pickles too.
    """

    checkpoint: Checkpoint
    tensors: Tensors


def read_base(checkpoint: Checkpoint, interpreter: Interpreter) -> Base:
    """A model's tensors; those of pickles as the trainer's interpreter reads them.

    Raises:
        VlftError: If they can't be read.
    """
    tensors = checkpoint.tensors()
    if not tensors and checkpoint.weight_files:
        files = [str(Path(checkpoint.path, name)) for name in checkpoint.weight_files]
        try:
            found = read_weights(interpreter, "--headers", *files)
        except TrainerError as problem:
            raise VlftError(
                f"the weights in {checkpoint.path} can't be read: {problem.message}",
                "copy or download it again, as safetensors where there is a choice",
            ) from None
        tensors = {name: (dtype, tuple(shape)) for name, (dtype, shape) in found.items()}
    return Base(checkpoint, tensors)


def read_weights(interpreter: Interpreter, *words: str) -> dict[str, Any]:
    """What vlft/trainer_side/verify_merge.py prints of weights.

    Raises:
        TrainerError: If it fails.
    """
    result: dict[str, Any] = json.loads(run_worker(interpreter, "verify_merge.py", *words))
    return result


# swift/arguments/base_args/base_args.py: what a merge is allowed for.
_MERGEABLE = ("lora", "longlora", "llamapro", "adalora")
_MERGEABLE_PEFT = ("LORA", "ADALORA")


def find_base(
    target: Target, named: str | None, interpreter: Interpreter, *, trusted: bool = False
) -> tuple[Base | None, str | None]:
    """The model under an adapter, and how to name it to ms-swift.

    Args:
        target: The adapter; a whole model has no base.
        named: Which base was named.
        interpreter: The Python that merges; it reads weights in pickles.
        trusted: Whether a base that changed after the training began is taken all the same.

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
    name = base_of(target, named)
    found = base_checkpoint(target, named)
    if found is None:
        return None, name
    refuse_broken(found)
    if found.quantization is not None:
        raise VlftError(
            f"the model under the adapter is quantised: {found.path}",
            "a merge needs the weights that it was quantised from: --base DIR",
        )
    base = read_base(found, interpreter)
    if base.tensors:
        changes_of(adapter, base.tensors, found.path)
    if not trusted:
        _refuse_changed(target, found, fetched=not Path(name).is_dir())
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


def _refuse_changed(target: Target, base: Checkpoint, *, fetched: bool) -> None:
    """Refuses a base of the right shape with other weights.

    The run's record holds marks of the base's files (`base` in run.json); where it does not, a
    base that was written after the training had begun is taken for another one. The time of one
    that was fetched into a hub's cache tells nothing: the training itself may have put it there.
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
    if fetched:
        return
    try:
        began = datetime.fromisoformat(target.run.started)
    except ValueError:
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
