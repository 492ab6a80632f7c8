"""From a checkpoint to weights to ship, through `swift export`.

Merging and quantising are two processes with a folder each: in one, ms-swift would take any
`CHECKPOINT-merged` that it finds for its own (swift/pipelines/export/merge_lora.py).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from vlft import __version__
from vlft.environment import ENVIRON
from vlft.export.base import read_base
from vlft.export.step import Exported, run_step, trained_quantized, without_quantization
from vlft.export.verify import verify_merge, verify_quantized
from vlft.files import write_json_lines
from vlft.plan import Command, render_tool
from vlft.probe.checkpoint import read_checkpoint
from vlft.resolve.model import PATCHES_VERSION, is_patched
from vlft.runs.exports import ExportRecord, hash_adapter, hash_model
from vlft.runs.inference_settings import (
    base_checkpoint,
    base_of,
    environment,
    patched,
    settings,
    weights,
)
from vlft.runs.record import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.export.plan import ExportPlan, Quantizing
    from vlft.resolve.quantization import Quantization
    from vlft.swift.release import Arguments

_LOG = logging.getLogger(__name__)


def planned_steps(plan: ExportPlan) -> Iterator[tuple[str, Path, Command]]:
    """The steps of an export: name, folder, and a process as it will be started."""
    source, quantizing = plan.target.checkpoint, plan.quantizing
    if plan.merged is not None:
        # After QLoRA a copy that says nothing of its quantisation: see `step.without_quantization`.
        adapter = Path("ADAPTER" if trained_quantized(source) else source.path)
        yield "merge", plan.merged, _merge_command(plan, plan.merged, adapter)
    if quantizing is not None:
        model, rows = plan.merged or Path(source.path), Path("CALIBRATION.jsonl")
        command = _quantize_command(plan, quantizing, model, quantizing.folder, rows)
        yield "quantize", quantizing.folder, command


def dry_run_json(plan: ExportPlan) -> dict[str, object]:
    """The documented object of `vlft merge --dry-run --format json`."""
    rows = plan.quantizing.rows if plan.quantizing is not None else None
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
            for name, folder, command in planned_steps(plan)
        ],
        "disk_bytes": plan.needs.disk if plan.needs else None,
        "host_memory_bytes": plan.needs.host if plan.needs else None,
        "calibration": None
        if rows is None
        else {"rows": len(rows.rows), "vision": rows.vision, "of": rows.source},
    }


def _merge_command(plan: ExportPlan, output: Path, adapter: Path) -> Command:
    """The process that merges.

    Args:
        plan: What to do.
        output: Folder to make.
        adapter: Folder of the adapter, as ms-swift is to see it.
    """
    named = weights(plan.target, plan.base_name) | {"adapters": (str(adapter),)}
    arguments = named | settings(plan.target, plan.base_name) | {"merge_lora": ("true",)}
    return _command(plan, arguments, output)


def _quantize_command(
    plan: ExportPlan, quantizing: Quantizing, model: Path, output: Path, rows: Path
) -> Command:
    """The process that quantises.

    Args:
        plan: What to do.
        quantizing: How.
        model: Folder of whole weights.
        output: Folder to make.
        rows: File for the rows to calibrate on, if the plan has chosen some.
    """
    target, method = plan.target, quantizing.method
    arguments = settings(target, plan.base_name) | {
        "model": (str(model),),
        "quant_method": (method.method,),
    }
    if method.bits is not None:
        arguments["quant_bits"] = (str(method.bits),)
    if method.calibrated:
        arguments["dataset"] = quantizing.dataset
        if quantizing.rows is not None:
            arguments["dataset"] = (str(rows),)
            arguments["quant_n_samples"] = (str(len(quantizing.rows.rows)),)
        if target.plan is not None and "max_length" in target.plan.arguments:
            arguments["max_length"] = target.plan.arguments["max_length"]
    return _command(plan, arguments, output, bnb=method.method == "bnb")


def _command(plan: ExportPlan, arguments: Arguments, output: Path, *, bnb: bool = False) -> Command:
    wanted = patched(arguments, plan.target, plan.interpreter, plan.base_name, bnb=bnb)
    wanted = wanted | {"output_dir": (str(output),)}
    return render_tool(plan.interpreter, "export", wanted, environment(plan.target))


class Shipped(Struct, frozen=True):
    """What `vlft merge` made.

    Attributes:
        source: The checkpoint.
        merged: Merged weights; None if the checkpoint is a whole model.
        quantized: Quantised weights; None if none were asked for.
        method: Of the quantisation; None if none was asked for.
    """

    source: Path
    merged: Exported | None
    quantized: Exported | None
    method: Quantization | None

    @property
    def product(self) -> Path:
        """The folder that was made last."""
        made = self.quantized or self.merged
        return self.source if made is None else made.folder

    def to_json(self) -> dict[str, object]:
        """The documented object of `vlft merge --format json`."""
        merged, quantized = self.merged, self.quantized
        return {
            "merged": str(merged.folder) if merged else None,
            "quantized": str(quantized.folder) if quantized else None,
            "method": self.method.method if self.method else None,
            "bits": self.method.bits if self.method else None,
            "source": str(self.source),
            "verified": merged.verified or None if merged else None,
            "verified_quantized": quantized.verified or None if quantized else None,
        }


def carry_out(plan: ExportPlan) -> Shipped:
    """Does what was planned.

    Raises:
        VlftError: If a name is taken by something that vlft did not make.
        TrainerError: If swift failed or made something wrong; nothing is left under the
            final names.
        StoppedError: A signal ended it.
    """
    source, quantizing = Path(plan.target.checkpoint.path), plan.quantizing
    merged = quantized = None
    if plan.note is not None:
        _LOG.info(plan.note)
    if plan.merged is not None:
        _LOG.info("merging %s", source)
        merged = _merge(plan, plan.merged)
    if quantizing is not None:
        _LOG.info("quantising: %s", quantizing.method.reason)
        quantized = _quantize(plan, quantizing, merged.folder if merged else source)
    return Shipped(source, merged, quantized, quantizing.method if quantizing else None)


def _merge(plan: ExportPlan, final: Path) -> Exported:
    source, base = plan.target.checkpoint, plan.base

    def check(made: Path, work: Path) -> Mapping[str, object] | None:
        used = base
        if used is None:  # ms-swift has put it into the hub's cache for this merge
            usual = plan.base_name == base_of(plan.target)
            fetched = base_checkpoint(plan.target, None if usual else plan.base_name)
            if fetched is None:
                return None
            used = read_base(fetched, plan.interpreter)
        return verify_merge(source, used, made, work, plan.interpreter)

    def command(made: Path, work: Path) -> Command:
        return _merge_command(plan, made, without_quantization(source, work))

    under = hash_model(base.checkpoint) if base else {"hub": str(plan.base_name)}
    record = _record(plan, hash_adapter(source), under)
    explicit = plan.explicit and plan.quantizing is None
    return run_step(command, record, final, explicit=explicit, check=check)


def _quantize(plan: ExportPlan, quantizing: Quantizing, model: Path) -> Exported:
    source, method, rows = read_checkpoint(model), quantizing.method, quantizing.rows
    record = replace(_record(plan, hash_model(source), {}), method=method.method, bits=method.bits)
    if rows is not None:
        files = list(quantizing.dataset)
        looked_at = {"rows": len(rows.rows), "vision": rows.vision, "files": files}
        record = replace(record, calibration=looked_at)
        share = f"{len(rows.rows)} of {rows.source} rows, {rows.vision} with pictures"
        _LOG.info("calibrating on %s: %s", share, ", ".join(files))

    def command(made: Path, work: Path) -> Command:
        chosen = work / "calibration.jsonl"
        if rows is not None:
            write_json_lines(chosen, rows.rows)
        return _quantize_command(plan, quantizing, model, made, chosen)

    def check(made: Path, _: Path) -> Mapping[str, object]:
        return verify_quantized(made, source, method)

    return run_step(command, record, quantizing.folder, explicit=plan.explicit, check=check)


_RECORDED = ("ms-swift", "torch", "transformers", "peft", "bitsandbytes", "gptqmodel", "autoawq")


def _record(plan: ExportPlan, source: Mapping[str, str], base: Mapping[str, str]) -> ExportRecord:
    target = plan.target
    versions = {"vlft": __version__}
    versions |= {n: v for n, v in plan.interpreter.packages.items() if n in _RECORDED}
    if is_patched(patched({}, target, plan.interpreter, plan.base_name)):
        versions["own-code-mends"] = PATCHES_VERSION
    return ExportRecord(
        source=source,
        base=base,
        method=None,
        bits=None,
        versions=versions,
        created=utc_now().isoformat(timespec="seconds"),
        run=target.run.id if target.run else None,
        plan=target.plan.to_json() if target.plan else None,
    )
