"""From a checkpoint to weights to ship, through `swift export`.

Merging and quantising are two processes with a folder each: in one, ms-swift would take any
`CHECKPOINT-merged` that it finds for its own (swift/pipelines/export/merge_lora.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft import __version__
from vlft.environment import ENVIRON
from vlft.export.plan import ExportPlan, plan_export
from vlft.export.request import Request
from vlft.export.step import (
    Exported,
    StoppedError,
    export_command,
    run_step,
    trained_quantized,
    without_quantization,
)
from vlft.export.verify import read_base, verify_merge, verify_quantized
from vlft.files import write_text
from vlft.probe.checkpoint import read_checkpoint
from vlft.resolve.patches import PATCHES_VERSION, is_patched
from vlft.runs.base_model import base_folder
from vlft.runs.exports import ExportRecord, hash_adapter, hash_model
from vlft.runs.inference_settings import base_of, environment, patched, settings, weights
from vlft.runs.record import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vlft.export.merged import Base
    from vlft.plan.command import Command
    from vlft.resolve.quantization import Quantization
    from vlft.runs.target import Target


def dry_run_json(plan: ExportPlan) -> dict[str, Any]:
    """The documented object of `vlft merge --dry-run --format json`."""
    commands: list[tuple[str, Path, Command]] = []
    if plan.merged is not None:
        source = plan.target.checkpoint
        # After QLoRA a copy that says nothing of its quantisation: see `step.without_quantization`.
        adapter = Path("ADAPTER" if trained_quantized(source) else source.path)
        commands.append(("merge", plan.merged, merge_command(plan, plan.merged, adapter)))
    if plan.quantization is not None and plan.quantized is not None:
        model = plan.merged or Path(plan.target.checkpoint.path)
        rows = Path("CALIBRATION.jsonl") if plan.calibration is not None else None
        command = quantize_command(plan, plan.quantization, model, plan.quantized, rows)
        commands.append(("quantize", plan.quantized, command))
    calibration = plan.calibration
    return {
        "source": plan.target.checkpoint.path,
        "base": plan.base_name,
        "steps": [
            {
                "step": name,
                "output": str(folder),
                "argv": list(command.masked().argv),
                "env": command.masked().env,
                "command": command.shell_line(ENVIRON),
            }
            for name, folder, command in commands
        ],
        "disk_bytes": plan.needs.disk if plan.needs else None,
        "host_memory_bytes": plan.needs.host if plan.needs else None,
        "calibration": None
        if calibration is None
        else {
            "rows": len(calibration.rows),
            "vision": calibration.vision,
            "of": calibration.source,
        },
    }


def merge_command(plan: ExportPlan, output: Path, adapter: Path) -> Command:
    """The process that merges.

    Args:
        plan: What to do.
        output: Folder to make.
        adapter: Folder of the adapter, as ms-swift is to see it.
    """
    named = weights(plan.target, plan.base_name) | {"adapters": (str(adapter),)}
    arguments = named | settings(plan.target, plan.base_name) | {"merge_lora": ("true",)}
    arguments = patched(arguments, plan.target, plan.interpreter, plan.base_name)
    return export_command(plan.interpreter, arguments, environment(plan.target), output)


def quantize_command(
    plan: ExportPlan, quantization: Quantization, model: Path, output: Path, rows: Path | None
) -> Command:
    """The process that quantises.

    Args:
        plan: What to do.
        quantization: How.
        model: Folder of whole weights.
        output: Folder to make.
        rows: File with the rows to calibrate on; None for those that the plan names.
    """
    arguments = settings(plan.target, plan.base_name) | {
        "model": (str(model),),
        "quant_method": (quantization.method,),
    }
    if quantization.bits is not None:
        arguments["quant_bits"] = (str(quantization.bits),)
    if quantization.calibrated:
        arguments["dataset"] = (str(rows),) if rows is not None else plan.dataset
        if plan.calibration is not None:
            arguments["quant_n_samples"] = (str(len(plan.calibration.rows)),)
        if plan.target.plan is not None and "max_length" in plan.target.plan.arguments:
            arguments["max_length"] = plan.target.plan.arguments["max_length"]
    bnb = quantization.method == "bnb"
    arguments = patched(arguments, plan.target, plan.interpreter, plan.base_name, bnb=bnb)
    return export_command(plan.interpreter, arguments, environment(plan.target), output)


__all__ = ["Exported", "Request", "Shipped", "carry_out", "dry_run_json", "plan_export", "ship"]

_RECORDED = ("ms-swift", "torch", "transformers", "peft", "bitsandbytes", "gptqmodel", "autoawq")


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
        verified = self.merged.verified if self.merged else None
        checked = self.quantized.verified if self.quantized else None
        return {
            "merged": str(self.merged.folder) if self.merged else None,
            "quantized": str(self.quantized.folder) if self.quantized else None,
            "method": self.quantization.method if self.quantization else None,
            "bits": self.quantization.bits if self.quantization else None,
            "source": str(self.source),
            "verified": dict(verified) if verified else None,
            "verified_quantized": dict(checked) if checked else None,
        }


def ship(
    target: Target,
    *,
    bits: int | None,
    method: str | None,
    output: Path | None,
    say: Callable[[str], None],
) -> Shipped:
    """Merges an adapter and quantises the result, as far as asked; see `carry_out`.

    Raises:
        VlftError: If it can't be done; nothing was started then.
        TrainerError: If swift failed; nothing is left under the final names.
    """
    return carry_out(plan_export(target, Request(bits, method, output)), say)


def carry_out(plan: ExportPlan, say: Callable[[str], None]) -> Shipped:
    """Does what was planned.

    Args:
        plan: From `plan_export`.
        say: Gets a line when something begins.

    Raises:
        VlftError: If a name is taken by something that vlft did not make.
        TrainerError: If swift failed or made something wrong; nothing is left under the
            final names.
    """
    source, quantization = Path(plan.target.checkpoint.path), plan.quantization
    merged = quantized = None
    for note in plan.notes:
        say(note)
    try:
        if plan.merged is not None:
            say(f"merging {source}")
            merged = _merge(plan, plan.merged)
        if quantization is not None and plan.quantized is not None:
            say(f"quantising: {quantization.reason}")
            if plan.calibration is not None:
                say(_calibration_text(plan))
            model = merged.folder if merged else source
            quantized = _quantize(plan, quantization, model, plan.quantized)
    except StoppedError as stopped:
        return Shipped(source, merged, None, quantization, stopped.exit_code)
    return Shipped(source, merged, quantized, quantization)


def _merge(plan: ExportPlan, final: Path) -> Exported:
    source, base = plan.target.checkpoint, plan.base
    record = replace(
        _record(plan),
        source=hash_adapter(source),
        base=hash_model(base.checkpoint) if base else {"hub": str(plan.base_name)},
    )

    def check(made: Path, work: Path) -> Mapping[str, Any] | None:
        used = base or _fetched(plan)
        if used is None:
            return None
        return verify_merge(source, used, made, work, plan.interpreter).to_json()

    def command(made: Path, work: Path) -> Command:
        return merge_command(plan, made, without_quantization(source, work))

    explicit = plan.explicit and plan.quantized is None
    return run_step(command, record, final, explicit=explicit, check=check)


def _fetched(plan: ExportPlan) -> Base | None:
    """The base that ms-swift has put into the hub's cache for this merge; None if it did not."""
    usual = plan.base_name == base_of(plan.target)
    folder = base_folder(plan.target, None if usual else plan.base_name)
    return None if folder is None else read_base(read_checkpoint(folder), plan.interpreter)


def _quantize(plan: ExportPlan, quantization: Quantization, model: Path, final: Path) -> Exported:
    source, calibration = read_checkpoint(model), plan.calibration
    record = replace(
        _record(plan),
        source=hash_model(source),
        method=quantization.method,
        bits=quantization.bits,
        calibration=None
        if calibration is None
        else {"rows": len(calibration.rows), "vision": calibration.vision,
              "files": list(plan.dataset)},
    )  # fmt: skip

    def command(made: Path, work: Path) -> Command:
        rows = None
        if calibration is not None:
            rows = work / "calibration.jsonl"
            lines = (json.dumps(row, ensure_ascii=False) for row in calibration.rows)
            write_text(rows, "".join(f"{line}\n" for line in lines))
        return quantize_command(plan, quantization, model, made, rows)

    def check(made: Path, _: Path) -> Mapping[str, Any]:
        return verify_quantized(made, source, quantization)

    return run_step(command, record, final, explicit=plan.explicit, check=check)


def _calibration_text(plan: ExportPlan) -> str:
    rows = plan.calibration
    if rows is None:
        return ""
    from_where = ", ".join(plan.dataset)
    return (
        f"calibrating on {len(rows.rows)} of {rows.source} rows, {rows.vision} with pictures:"
        f" {from_where}"
    )


def _record(plan: ExportPlan) -> ExportRecord:
    target = plan.target
    versions = {"vlft": __version__}
    versions |= {n: v for n, v in plan.interpreter.packages.items() if n in _RECORDED}
    if is_patched(patched({}, target, plan.interpreter, plan.base_name)):
        versions["own-code-mends"] = PATCHES_VERSION
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
