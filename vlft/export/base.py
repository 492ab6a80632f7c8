"""The model under an adapter that is to be merged, checked to be the one that it belongs to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.errors import TrainerError, VlftError
from vlft.export.adapter import Names, canonical, read_adapter, refuse_broken
from vlft.export.step import run_worker
from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.exports import mark_weights
from vlft.runs.inference_settings import base_folder, base_of, saved_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.export.adapter import Adapter, LoraModule
    from vlft.probe.checkpoint import Checkpoint
    from vlft.runs.target import Target
    from vlft.swift.interpreter import Interpreter

    Headers = Mapping[str, tuple[str, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Base:
    """The model under an adapter.

    Attributes:
        checkpoint: Its folder.
        headers: Its tensors: name → (safetensors type, shape); of pickles too.
    """

    checkpoint: Checkpoint
    headers: Headers


def read_base(checkpoint: Checkpoint, interpreter: Interpreter) -> Base:
    """A model's tensors; those of pickles as the trainer's interpreter reads them.

    Raises:
        VlftError: If they can't be read.
    """
    headers = checkpoint.tensors()
    if not headers and checkpoint.weight_files:
        files = [str(Path(checkpoint.path, name)) for name in checkpoint.weight_files]
        try:
            found = read_weights(interpreter, "--headers", *files)
        except TrainerError as problem:
            raise VlftError(
                f"the weights in {checkpoint.path} can't be read: {problem.message}",
                "copy or download it again, as safetensors where there is a choice",
            ) from None
        headers = {name: (dtype, tuple(shape)) for name, (dtype, shape) in found.items()}
    return Base(checkpoint, headers)


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
    folder = base_folder(target, named)
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
        place(adapter, base)
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


_SHOWN = 3
_HINT = "it was trained on another model; name that one: --base DIR"


@dataclass(slots=True)
class Placed:
    """Where an adapter's parts go.

    Attributes:
        modules: Low-rank module → name of the base's weight that it changes.
        biases: Low-rank module with a bias of B → name of the base's bias.
        saved: Tensor of the base → tensor of the adapter that replaces it.
        added: Names in the loaded model of saved tensors that the base does not have.
        opaque: Canonical beginnings of names of tensors that change in a way not known here.
    """

    modules: list[tuple[LoraModule, str]]
    biases: list[tuple[LoraModule, str]]
    saved: dict[str, str]
    added: dict[str, str]
    opaque: set[str]


def place(adapter: Adapter, base: Base) -> Placed:
    """Finds the weights of the base that an adapter changes.

    Raises:
        VlftError: If the base lacks a module of the adapter or has it in another shape.
    """
    names, folder = Names(base.headers), base.checkpoint.path
    placed = Placed([], [], {}, {}, set())
    missing: list[str] = []
    for module in adapter.modules:
        weight = _weight(names, module)
        if weight is not None:
            if adapter.linear and module.shape is not None:
                turned = module.embedding or adapter.fan_in_fan_out
                change = module.shape[::-1] if turned else module.shape
                verb = f"changes `{module.module}` as"
                _refuse_shape(verb, change, base.headers[weight][1], folder)
            placed.modules.append((module, weight))
        elif adapter.linear:
            missing.append(module.module)
        else:  # parameters of experts, by a name of peft's own
            placed.opaque.add(canonical(module.module))
        if "lora_B.bias" in module.parts:
            bias = names.find(f"{module.module}.bias")
            if bias is None:
                missing.append(f"{module.module}.bias")
            else:
                placed.biases.append((module, bias))
    if missing:
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise VlftError(
            f"the adapter changes {', '.join(missing[:_SHOWN])}{more}, not found in {folder}", _HINT
        )
    for loaded, stored in adapter.saved.items():
        name = names.find(loaded)
        if name is None:
            placed.added[loaded] = stored
        else:
            shape = adapter.saved_shapes[loaded]
            _refuse_shape(f"replaces `{name}` by", shape, base.headers[name][1], folder)
            placed.saved[name] = stored
    return placed


def _weight(names: Names, module: LoraModule) -> str | None:
    found = names.find(f"{module.module}.weight") or names.find(module.module)
    if found is None and module.module.endswith("lm_head"):
        return names.find("embed_tokens.weight")  # tied: one tensor under two names
    return found


def _refuse_shape(verb: str, shape: tuple[int, ...], own: tuple[int, ...], folder: str) -> None:
    if shape != own:
        raise VlftError(
            f"the adapter {verb} {list(shape)}, but in {folder} it is {list(own)}", _HINT
        )
