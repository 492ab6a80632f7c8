"""Everything about an export that can be known before it starts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field, to_builtins
from msgspec.structs import replace

from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.export.base import Base, find_base
from vlft.export.calibration import Calibration, calibration_files, select_from
from vlft.models import family_of
from vlft.probe.hardware import FP8, Gpu, Hardware, free_bytes, probe_hardware, visible_gpus
from vlft.probe.safetensors import BITS
from vlft.resolve.quantization import Quantization, Situation, choose
from vlft.runs.inference_settings import interpreter_for, refuse_unread_code, settings
from vlft.runs.target import ExportSettings, Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.probe.checkpoint import Checkpoint
    from vlft.swift.interpreter import Interpreter

# Python with torch, transformers and ms-swift in it: seen 0.6 to 0.9 GB.
_PROGRAM = 1_000_000_000
_DTYPES = {"bfloat16": 16, "float16": 16, "float32": 32}
_EXTRA_FILES = 50_000_000  # tokenizer, configs
# Weights that stay as they are (vision tower, embeddings, output layer) make a part of a
# quantised model that can't be told from its bits; half is more than any family has.
_KEPT_SHARE = 0.5


class Request(Struct, frozen=True):
    """What was asked for.

    Attributes:
        settings: What goes before the section `export:` of the run's config; bits and method
            together.
        output: Folder of the last product; beside the checkpoint or in the run.
        base: The model under the adapter; the one that it was trained on.
        trust_base: Whether a base that changed after the training began is taken all the same.
        quantize: False leaves what the run's config says of a quantisation aside.
    """

    settings: ExportSettings = field(default_factory=ExportSettings)
    output: Path | None = None
    base: str | None = None
    trust_base: bool = False
    quantize: bool = True

    def settings_for(self, target: Target) -> ExportSettings:
        """What was asked for, else what the run's config says."""
        own, asked = target.export, self.settings
        if not self.quantize or asked.quant_bits is not None or asked.quant_method is not None:
            own = replace(own, quant_bits=None, quant_method=None)
        given = {name: value for name, value in to_builtins(asked).items() if value is not None}
        return replace(own, **given)


class Needs(Struct, frozen=True):
    """Of an export, in bytes.

    Attributes:
        disk: New files, all together.
        host: Peak of main memory.
    """

    disk: int
    host: int


def needs(
    model: Checkpoint,
    *,
    merge: bool,
    quantization: Quantization | None,
    torch_dtype: str | None,
    gpu: bool,
) -> Needs:
    """What an export of a model takes.

    A merge loads the whole base unquantised, whatever it was trained in (merge_lora.py sets
    quant_method to None), and changes it in place; one weight at a time is there twice more, as
    B·A and in float32. On a GPU, main memory holds one shard of the file at a time.

    Args:
        model: The base, or the model to quantise.
        merge: Whether an adapter is merged into it.
        quantization: What is done afterwards.
        torch_dtype: Of the loaded weights; the checkpoint's if None.
        gpu: Whether the weights are loaded onto a GPU.
    """
    bits = _DTYPES.get(torch_dtype or model.torch_dtype or "", 0)
    loaded = largest = 0
    for dtype, shape in model.tensors().values():
        count = math.prod(shape)
        loaded += count * (bits or BITS.get(dtype, 16)) // 8
        largest = max(largest, count * 4)
    loaded = loaded or model.weight_bytes
    disk = loaded + _EXTRA_FILES if merge else 0
    if quantization is not None:
        small = (quantization.bits or 8) / (bits or 16)
        share = min(1.0, small * (1 - _KEPT_SHARE) + _KEPT_SHARE)
        disk += int(loaded * share) + _EXTRA_FILES
    host = _PROGRAM + 2 * largest + (min(loaded, 5_000_000_000) if gpu else loaded)
    return Needs(disk, host)


_GB = 1e9


class Quantizing(Struct, frozen=True):
    """The second step of an export.

    Attributes:
        method: How.
        folder: Of the result.
        rows: To calibrate on; None if it needs none, or they are no JSON Lines.
        dataset: The files that they come from, as `--dataset` takes them; empty if it needs none.
    """

    method: Quantization
    folder: Path
    rows: Calibration | None
    dataset: tuple[str, ...]


class ExportPlan(Struct, frozen=True):
    """What will be done.

    Attributes:
        target: The checkpoint and its run.
        interpreter: The Python that does it.
        base: The model under the adapter; None without an adapter, or for a hub id that was
            not fetched yet.
        base_name: Folder or hub id of it; None without an adapter.
        merged: Folder of the merge; None without one.
        quantizing: What follows; None for nothing.
        needs: Memory and disk; None if the weights are not here.
        explicit: Whether the last folder was named by the user.
        note: What it takes, for people; None if that is not known.
    """

    target: Target
    interpreter: Interpreter
    base: Base | None
    base_name: str | None
    merged: Path | None
    quantizing: Quantizing | None
    needs: Needs | None
    explicit: bool
    note: str | None


def plan_export(target: Target, request: Request) -> ExportPlan:
    """Decides what an export does, and refuses what can't work; nothing is started.

    Raises:
        VlftError: If it can't be done; the hint says what would work.
    """
    refuse_unread_code(target, request.base)
    checkpoint = target.checkpoint
    merge = checkpoint.kind == "adapter"
    interpreter = interpreter_for(target, python=request.settings.python)
    hardware = probe_hardware()
    gpus = visible_gpus(hardware, ENVIRON)
    base, base_name = find_base(target, request.base, interpreter, trusted=request.trust_base)
    under = base.checkpoint if base is not None else None
    model = under if merge else checkpoint
    parent = target.run.folder / "exports" if target.run else Path(checkpoint.path).parent
    name = parent / Path(checkpoint.path).name
    quantizing = _quantizing(target, request, interpreter, gpus, model, name)
    if not merge:
        _refuse_whole_model(checkpoint, quantizing)
    needed = None
    if model is not None:
        needed = needs(
            model,
            merge=merge,
            quantization=quantizing.method if quantizing else None,
            torch_dtype=settings(target).get("torch_dtype", (None,))[0],
            gpu=bool(gpus) and not (target.plan is not None and target.plan.world.cpu),
        )
    merged = None
    if merge:
        named = request.output if quantizing is None else None
        merged = (named or name.with_name(f"{name.name}-merged")).absolute()
    last = quantizing.folder if quantizing else merged
    return ExportPlan(
        target=target,
        interpreter=interpreter,
        base=base,
        base_name=base_name,
        merged=merged,
        quantizing=quantizing,
        needs=needed,
        explicit=request.output is not None,
        note=_refuse_lack(last or parent, needed, hardware),
    )


def _refuse_whole_model(checkpoint: Checkpoint, quantizing: Quantizing | None) -> None:
    if quantizing is None:
        raise VlftError(
            f"`{checkpoint.path}` is a whole model: there is nothing to merge",
            "--quant-bits 8 quantises it",
        )
    if checkpoint.quantization is not None:
        raise VlftError(
            f"`{checkpoint.path}` is quantised already",
            "quantise the weights that it was made from",
        )


def _quantizing(
    target: Target,
    request: Request,
    interpreter: Interpreter,
    gpus: Sequence[Gpu],
    model: Checkpoint | None,
    name: Path,
) -> Quantizing | None:
    """The method, and the rows that it looks at."""
    asked = request.settings_for(target)
    bits, method = asked.quant_bits, asked.quant_method
    if bits is None and method is None:
        return None
    files = calibration_files(target, asked.dataset)
    family = family_of(model.model_type) if model else None
    situation = Situation(
        packages=interpreter.packages,
        gpu=bool(gpus),
        fp8=False if any(gpu.lacks(FP8) for gpu in gpus) else None,
        calibration=bool(files),
        family=family.swift_model_type if family else None,
        layers=_layers(model),
    )
    chosen = choose(bits, method, situation)
    rows = select_from(target, files, asked.rows) if chosen.calibrated else None
    if rows is not None and not rows.rows:
        chosen, rows = choose(bits, method, replace(situation, calibration=False)), None
    folder = request.output or name.with_name(f"{name.name}-{chosen.suffix}")
    return Quantizing(chosen, folder.absolute(), rows, files if chosen.calibrated else ())


def _layers(model: Checkpoint | None) -> int | None:
    """Of the language model; None if its config does not say."""
    config = model.config if model else {}
    for part in (config.get("text_config"), config.get("llm_config"), config):
        layers = part.get("num_hidden_layers") if isinstance(part, dict) else None
        if isinstance(layers, int):
            return layers
    return None


def _refuse_lack(folder: Path, needed: Needs | None, hardware: Hardware) -> str | None:
    """Stops where the disk or the memory can't hold it; else says what it takes."""
    if needed is None:
        return None
    free = free_bytes(folder)
    if free is not None and needed.disk > free:
        raise VlftError(
            f"the weights take {needed.disk / _GB:.1f} GB, and where {folder} lies there are"
            f" {free / _GB:.1f} GB free",
            "make room, or name another disk: --output DIR",
        )
    have = hardware.memory_bytes
    if 0 < have < needed.host:
        raise VlftError(
            f"loading the weights takes {needed.host / _GB:.1f} GB of main memory, and there are"
            f" {have / _GB:.1f} GB",
            "do it on a larger machine: the run's folder can be copied there",
        )
    room = "" if free is None else f" of {free / _GB:.0f} GB free"
    return f"disk {needed.disk / _GB:.2f} GB{room}, main memory {needed.host / _GB:.1f} GB at most"
