"""From a checkpoint to weights to ship, through `swift export`.

Merging and quantising are two processes with a folder each: in one, ms-swift would take any
`CHECKPOINT-merged` that it finds for its own (swift/pipelines/export/merge_lora.py).
Weights are made beside their final name and renamed to it when they are whole.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft import __version__
from vlft.command import render_flags
from vlft.errors import VlftError
from vlft.facts.checkpoint import read_checkpoint
from vlft.facts.hardware import probe_hardware, visible_gpus
from vlft.facts.swift import read_swift
from vlft.launch.asking import environment, interpreter_for, settings, weights
from vlft.launch.process import Process
from vlft.launch.training import conclude
from vlft.launch.watched import run_watched
from vlft.launch.workplace import free_name, workplace
from vlft.plan.environment import FOREIGN
from vlft.plan.quantize import Quantization, choose
from vlft.runs.exports import (
    ExportRecord,
    hash_adapter,
    hash_model,
    read_export,
    remove,
    write_export,
)
from vlft.runs.record import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.facts.interpreter import Interpreter
    from vlft.launch.process import Outcome
    from vlft.plan.arguments import Arguments
    from vlft.runs.target import Target

_RECORDED = ("ms-swift", "torch", "transformers", "peft", "bitsandbytes", "gptqmodel", "autoawq")


@dataclass(frozen=True)
class Exported:
    """One folder of weights.

    Attributes:
        folder: Where it is.
        reused: Whether it was there already, made from the same weights.
    """

    folder: Path
    reused: bool


@dataclass(frozen=True)
class Shipped:
    """What `vlft merge` made.

    Attributes:
        source: The checkpoint.
        merged: Merged weights; None if the checkpoint is a whole model.
        quantized: Quantised weights; None if none were asked for.
        quantization: How; None if none was asked for.
        exit_code: 0, or 128 + the signal that stopped it.
    """

    source: Path
    merged: Exported | None
    quantized: Exported | None
    quantization: Quantization | None
    exit_code: int = 0

    def to_json(self) -> dict[str, Any]:
        """The documented object of `vlft merge --format json`."""
        return {
            "merged": str(self.merged.folder) if self.merged else None,
            "quantized": str(self.quantized.folder) if self.quantized else None,
            "method": self.quantization.method if self.quantization else None,
            "bits": self.quantization.bits if self.quantization else None,
            "source": str(self.source),
            "verified": None,
        }


class _StoppedError(Exception):
    """A signal ended an export."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


def ship(
    target: Target,
    *,
    bits: int | None,
    method: str | None,
    output: Path | None,
    say: Callable[[str], None],
) -> Shipped:
    """Merges an adapter and quantises the result, as far as asked.

    Args:
        target: The checkpoint and its run.
        bits: Of the quantisation; None for none (or fp8).
        method: Of the quantisation; None lets vlft choose.
        output: Folder of the last product; beside the checkpoint or in the run if None.
        say: Gets a line when something begins.

    Raises:
        VlftError: If it can't be done; nothing was started then.
        TrainerError: If swift failed; nothing is left under the final names.
    """
    checkpoint = target.checkpoint
    interpreter = interpreter_for(target)
    quantization = _quantization(target, interpreter, bits, method)
    if checkpoint.kind == "model" and quantization is None:
        raise VlftError(
            f"`{checkpoint.path}` is a whole model: there is nothing to merge",
            "--quant-bits 8 quantises it",
        )
    if checkpoint.kind == "model" and checkpoint.quantization is not None:
        raise VlftError(
            f"`{checkpoint.path}` is quantised already",
            "quantise the weights that it was made from",
        )
    source = Path(checkpoint.path)
    parent = target.run.folder / "exports" if target.run else source.parent
    merged: Exported | None = None
    quantized: Exported | None = None
    try:
        if checkpoint.kind == "adapter":
            wanted = output if quantization is None else None
            say(f"merging {source}")
            merged = _merge(target, interpreter, wanted or parent / f"{source.name}-merged", wanted)
        if quantization is not None:
            say(f"quantising: {quantization.reason}")
            model = merged.folder if merged else source
            name = parent / f"{source.name}-{quantization.suffix}"
            quantized = _quantize(target, interpreter, model, quantization, output or name, output)
    except _StoppedError as stopped:
        return Shipped(source, merged, None, quantization, stopped.exit_code)
    return Shipped(source, merged, quantized, quantization)


def _quantization(
    target: Target, interpreter: Interpreter, bits: int | None, method: str | None
) -> Quantization | None:
    if bits is None and method is None:
        return None
    gpu = bool(visible_gpus(probe_hardware(), os.environ))
    calibration = bool(target.plan and target.plan.arguments.get("dataset"))
    return choose(bits, method, interpreter.packages, calibration=calibration, gpu=gpu)


def _merge(target: Target, interpreter: Interpreter, final: Path, wanted: Path | None) -> Exported:
    named = weights(target)
    base = Path(named["model"][0])
    record = _record(target, interpreter)
    record = replace(
        record,
        source=hash_adapter(target.checkpoint),
        base=hash_model(read_checkpoint(base)) if base.is_dir() else {"hub": str(base)},
    )
    arguments = named | settings(target) | {"merge_lora": ("true",)}
    return _export(target, interpreter, arguments, record, final, explicit=wanted is not None)


def _quantize(
    target: Target,
    interpreter: Interpreter,
    model: Path,
    quantization: Quantization,
    final: Path,
    wanted: Path | None,
) -> Exported:
    record = replace(
        _record(target, interpreter),
        source=hash_model(read_checkpoint(model)),
        method=quantization.method,
        bits=quantization.bits,
    )
    arguments = settings(target) | {
        "model": (str(model),),
        "quant_method": (quantization.method,),
    }
    if quantization.bits is not None:
        arguments["quant_bits"] = (str(quantization.bits),)
    if quantization.method not in ("bnb", "fp8") and target.plan is not None:
        arguments["dataset"] = target.plan.arguments["dataset"]
    return _export(target, interpreter, arguments, record, final, explicit=wanted is not None)


def _record(target: Target, interpreter: Interpreter) -> ExportRecord:
    versions = {"vlft": __version__}
    versions |= {n: v for n, v in interpreter.packages.items() if n in _RECORDED}
    return ExportRecord(
        source={},
        base={},
        method=None,
        bits=None,
        versions=versions,
        created=utc_now().isoformat(timespec="seconds"),
        run=target.run.id if target.run else None,
        plan=target.plan.to_json() if target.plan else None,
    )


def _export(
    target: Target,
    interpreter: Interpreter,
    arguments: Arguments,
    record: ExportRecord,
    final: Path,
    *,
    explicit: bool,
) -> Exported:
    """Runs `swift export` into a folder beside `final` and renames it when it is whole."""
    final = final.absolute()
    present = read_export(final)
    if present is not None and present.same_weights(record):
        return Exported(final, reused=True)
    if final.exists() and present is None:
        if explicit:
            raise VlftError(f"{final} exists, and vlft did not make it", "name another --output")
        final = free_name(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    with workplace(final) as work:
        made = work / "weights"
        legal = read_swift(interpreter).arguments["export"]
        wanted = arguments | {"output_dir": (str(made),)}
        flags = render_flags({name: texts for name, texts in wanted.items() if name in legal})
        script = str(Path(interpreter.swift_dir or "", "cli", "export.py"))
        env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        process = Process(
            (interpreter.python, script, *flags), env | environment(target), str(Path.cwd())
        )
        try:
            _finish(run_watched(process, work), work)
            write_export(made, record)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)  # the log stays until the next try
            raise
        if final.exists():
            remove(final)
        made.replace(final)
        shutil.rmtree(work, ignore_errors=True)
    return Exported(final, reused=False)


def _finish(outcome: Outcome, work: Path) -> None:
    code = conclude(outcome, work)
    if code:
        raise _StoppedError(code)
