"""Everything about an export that can be known before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.export.base import find_base
from vlft.export.calibration import ROWS, Calibration, read_rows, select
from vlft.models import family_of
from vlft.probe.gpus import FP8
from vlft.probe.hardware import free_bytes, probe_hardware, visible_gpus
from vlft.probe.safetensors import BITS
from vlft.resolve.quantization import Quantization, choose
from vlft.runs.base_model import refuse_unread_code
from vlft.runs.inference_settings import interpreter_for, settings

if TYPE_CHECKING:
    from vlft.export.merged import Base
    from vlft.export.request import Request
    from vlft.probe.checkpoint import Checkpoint
    from vlft.probe.hardware import Hardware
    from vlft.runs.target import Target
    from vlft.swift.interpreter import Interpreter

# Python with torch, transformers and ms-swift in it: seen 0.6 to 0.9 GB.
_PROGRAM = 1_000_000_000
_DTYPES = {"bfloat16": 16, "float16": 16, "float32": 32}
_EXTRA_FILES = 50_000_000  # tokenizer, configs
# Weights that stay as they are (vision tower, embeddings, output layer) make a part of a
# quantised model that can't be told from its bits; half is more than any family has.
_KEPT_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Needs:
    """Of an export, in bytes.

    Attributes:
        merged: Size of the merged weights; 0 without a merge.
        quantized: Size of the quantised weights, at most; 0 without them.
        disk: New files, all together.
        host: Peak of main memory.
    """

    merged: int
    quantized: int
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
    merged = loaded if merge else 0
    quantized = 0
    if quantization is not None:
        small = (quantization.bits or 8) / (bits or 16)
        quantized = int(loaded * min(1.0, small * (1 - _KEPT_SHARE) + _KEPT_SHARE))
    host = _PROGRAM + 2 * largest + (min(loaded, 5_000_000_000) if gpu else loaded)
    made = merged + quantized
    return Needs(merged, quantized, made + _EXTRA_FILES * ((merged > 0) + (quantized > 0)), host)


_GB = 1e9


@dataclass(frozen=True)
class ExportPlan:
    """What will be done.

    Attributes:
        target: The checkpoint and its run.
        interpreter: The Python that does it.
        base: The model under the adapter; None without an adapter, or for a hub id that was
            not fetched yet.
        base_name: Folder or hub id of it; None without an adapter.
        merged: Folder of the merge; None without one.
        quantization: What follows; None for nothing.
        quantized: Folder of that; None without one.
        calibration: Rows for it; None if it needs none, or they are no JSON Lines.
        dataset: As `--dataset` takes them, where the rows are no JSON Lines.
        needs: Memory and disk; None if the weights are not here.
        explicit: Whether the last folder was named by the user.
        notes: What is worth saying first, a sentence each.
    """

    target: Target
    interpreter: Interpreter
    base: Base | None
    base_name: str | None
    merged: Path | None
    quantization: Quantization | None
    quantized: Path | None
    calibration: Calibration | None
    dataset: tuple[str, ...]
    needs: Needs | None
    explicit: bool
    notes: tuple[str, ...]


def plan_export(target: Target, request: Request) -> ExportPlan:
    """Decides what an export does, and refuses what can't work; nothing is started.

    Raises:
        VlftError: If it can't be done; the hint says what would work.
    """
    refuse_unread_code(target, request.base)
    checkpoint = target.checkpoint
    interpreter = interpreter_for(target, python=request.python)
    hardware = probe_hardware()
    base, base_name = find_base(target, request, interpreter)
    under = base.checkpoint if base is not None else None
    model = checkpoint if checkpoint.kind == "model" else under
    quantization, rows, dataset = _quantization(target, request, interpreter, hardware, model)
    if checkpoint.kind == "model":
        _refuse_whole_model(checkpoint, quantization)
    needed = _needs(target, model, quantization, hardware)
    parent = target.run.folder / "exports" if target.run else Path(checkpoint.path).parent
    name = Path(checkpoint.path).name
    merged = quantized = None
    if checkpoint.kind == "adapter":
        named = request.output if quantization is None else None
        merged = (named or parent / f"{name}-merged").absolute()
    if quantization is not None:
        quantized = (request.output or parent / f"{name}-{quantization.suffix}").absolute()
    notes = _refuse_lack((quantized or merged or parent), needed, hardware)
    return ExportPlan(
        target, interpreter, base, base_name, merged, quantization, quantized, rows, dataset,
        needed, request.output is not None, tuple(notes),
    )  # fmt: skip


def _refuse_whole_model(checkpoint: Checkpoint, quantization: Quantization | None) -> None:
    if quantization is None:
        raise VlftError(
            f"`{checkpoint.path}` is a whole model: there is nothing to merge",
            "--quant-bits 8 quantises it",
        )
    if checkpoint.quantization is not None:
        raise VlftError(
            f"`{checkpoint.path}` is quantised already",
            "quantise the weights that it was made from",
        )


def _quantization(
    target: Target,
    request: Request,
    interpreter: Interpreter,
    hardware: Hardware,
    model: Checkpoint | None,
) -> tuple[Quantization | None, Calibration | None, tuple[str, ...]]:
    """The method, and the rows that it looks at."""
    own = target.export
    bits, method = request.bits, request.method
    if bits is None and method is None and request.quantize:
        bits, method = own.quant_bits, own.quant_method
    if bits is None and method is None:
        return None, None, ()
    files = _calibration_files(target, request)
    plain = tuple(Path(file) for file in files if file.endswith(".jsonl"))
    gpus = visible_gpus(hardware, ENVIRON)
    family = family_of(model.model_type) if model else None

    def chosen(calibration: bool) -> Quantization:
        return choose(
            bits,
            method,
            interpreter.packages,
            calibration=calibration,
            gpu=bool(gpus),
            fp8=False if any(gpu.lacks(FP8) for gpu in gpus) else None,
            family=family.swift_model_type if family else None,
            layers=_layers(model),
        )

    quantization = chosen(bool(files))
    if not quantization.calibrated:
        return quantization, None, ()
    rows = _rows(target, plain, request.rows or own.rows or ROWS)
    if rows is not None and not rows.rows:
        quantization = chosen(False)
    return quantization, rows, files


def _layers(model: Checkpoint | None) -> int | None:
    """Of the language model; None if its config does not say."""
    config = model.config if model else {}
    for part in (config.get("text_config"), config.get("llm_config"), config):
        layers = part.get("num_hidden_layers") if isinstance(part, dict) else None
        if isinstance(layers, int):
            return layers
    return None


def _calibration_files(target: Target, request: Request) -> tuple[str, ...]:
    chosen = request.dataset or target.export.dataset
    if chosen is not None:
        for file in chosen:
            if not Path(file).is_file():
                raise VlftError(f"there is no file `{file}` to calibrate on", "rows as in training")
        return tuple(str(Path(file).absolute()) for file in chosen)
    return target.plan.arguments.get("dataset", ()) if target.plan else ()


def _rows(target: Target, files: tuple[Path, ...], count: int) -> Calibration | None:
    """The chosen rows of JSON Lines files; None if there is no such file."""
    there = tuple(file for file in files if file.is_file())
    if not there:
        return None
    record = target.run.record if target.run else {}
    folders = [Path(str(record.get("cwd", Path.cwd()))), *(file.parent for file in there)]
    return select(read_rows(there), count, folders)


def _needs(
    target: Target,
    model: Checkpoint | None,
    quantization: Quantization | None,
    hardware: Hardware,
) -> Needs | None:
    if model is None:
        return None
    dtype = settings(target).get("torch_dtype", (None,))[0]
    on_cpu = target.plan is not None and target.plan.world.cpu
    gpu = bool(visible_gpus(hardware, ENVIRON)) and not on_cpu
    merge = target.checkpoint.kind == "adapter"
    return needs(model, merge=merge, quantization=quantization, torch_dtype=dtype, gpu=gpu)


def _refuse_lack(folder: Path, needed: Needs | None, hardware: Hardware) -> list[str]:
    """Stops where the disk or the memory can't hold it; else says what it takes."""
    if needed is None:
        return []
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
    memory = f", main memory {needed.host / _GB:.1f} GB at most"
    room = "" if free is None else f" of {free / _GB:.0f} GB free"
    return [f"disk {needed.disk / _GB:.2f} GB{room}{memory}"]
