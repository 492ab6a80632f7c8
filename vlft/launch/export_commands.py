"""The commands of an export, and what a dry run says of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.launch.asking import environment, mended, settings, weights
from vlft.launch.export_step import export_command
from vlft.launch.unquantized import trained_quantized

if TYPE_CHECKING:
    from vlft.command import Command
    from vlft.launch.export_plan import ExportPlan
    from vlft.plan.quantize import Quantization


def dry_run_json(plan: ExportPlan) -> dict[str, Any]:
    """The documented object of `vlft merge --dry-run --format json`."""
    commands: list[tuple[str, Path, Command]] = []
    if plan.merged is not None:
        source = plan.target.checkpoint
        # After QLoRA a copy that says nothing of its quantisation: see vlft/launch/unquantized.py.
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
                "command": command.shell_line(os.environ),
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
    arguments = mended(arguments, plan.target, plan.interpreter, plan.base_name)
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
    arguments = mended(arguments, plan.target, plan.interpreter, plan.base_name, bnb=bnb)
    return export_command(plan.interpreter, arguments, environment(plan.target), output)
