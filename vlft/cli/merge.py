"""`vlft merge`: checkpoints become weights to ship."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from vlft.cli.options import BaseOption, FormatOption, TrustOption
from vlft.errors import UsageError
from vlft.output import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.export.plan import ExportPlan
    from vlft.export.run import Shipped


def merge(
    targets: Annotated[
        list[str] | None,
        Argument(
            metavar="[RUN|CHECKPOINT]…",
            help="One or several; the newest finished run's best or last if absent.",
        ),
    ] = None,
    quant_bits: Annotated[
        int | None, Option(help="Quantise the merged weights too: 8, 4, 3 or 2 bits.")
    ] = None,
    quant_method: Annotated[
        str | None, Option(help="bnb, gptq, gptq_v2, awq or fp8; chosen if absent.")
    ] = None,
    output: Annotated[
        Path | None, Option(metavar="DIR", help="Folder of the last product.")
    ] = None,
    base: BaseOption = None,
    trust_base: Annotated[
        bool, Option("--trust-base", help="Take a base that changed since the training began.")
    ] = False,
    calibrate: Annotated[
        list[Path] | None, Option(metavar="FILE", help="JSONL that gptq and awq look at.")
    ] = None,
    rows: Annotated[int | None, Option(min=1, help="Rows of it, at most; 128 if absent.")] = None,
    python: Annotated[
        str | None, Option(help="Interpreter that exports; else export.python's.")
    ] = None,
    trust_remote_code: TrustOption = False,
    dry_run: Annotated[
        bool, Option("--dry-run", help="Print the commands, and start nothing.")
    ] = False,
    output_format: FormatOption = "text",
) -> None:
    """Merge adapters into their bases, and quantise the results."""
    from vlft.export.plan import Request, plan_export
    from vlft.export.run import carry_out, dry_run_json
    from vlft.runs.target import newest_target, resolve_target

    request = Request(
        bits=quant_bits,
        method=quant_method,
        output=output,
        base=None if base is None else str(Path(base).absolute()) if Path(base).is_dir() else base,
        trust_base=trust_base,
        python=python,
        dataset=None if calibrate is None else tuple(map(str, calibrate)),
        rows=rows,
    )
    named = list(dict.fromkeys(targets or ()))
    if output is not None and len(named) > 1:
        raise UsageError(f"--output names one folder, and there are {len(named)} checkpoints")
    found = [resolve_target(text, trust=trust_remote_code) for text in named] or [newest_target()]
    # All are looked at before the first is started: the last mistake would show hours later.
    plans = [plan_export(target, request) for target in found]
    objects = []
    for plan in plans:
        if dry_run:
            described, lines = dry_run_json(plan), _steps(plan)
        else:
            shipped = carry_out(plan)
            described, lines = shipped.to_json(), _products(shipped)
        objects.append(described)
        if output_format == "text":
            console.write("\n".join(lines))
    if output_format == "json":
        console.write_json(objects if len(objects) > 1 else objects[0])


def _products(shipped: Shipped) -> Iterator[str]:
    for product in (shipped.merged, shipped.quantized):
        if product is None:
            continue
        yield f"{product.folder}{'  (was there already)' if product.reused else ''}"
        found = product.verified or {}
        if not found:
            yield "    not verified: the base is an id on a hub, and in no cache here"
        elif "sampled_layers" in found:
            yield (
                f"    verified: {found['tensors']} tensors, {found['sampled_layers']} changed"
                f" layers recomputed, largest error {found['max_abs_error']:.2g}"
            )
        else:
            yield (
                f"    verified: {found['quantized']} of {found['tensors']} tensors quantised,"
                f" {found['bytes'] / 1e6:.1f} MB"
            )
            if "corrected" in found:
                yield f"    corrected: {found['corrected']}"


def _steps(plan: ExportPlan) -> Iterator[str]:
    from vlft.environment import ENVIRON
    from vlft.export.run import planned_steps

    for name, folder, command in planned_steps(plan):
        yield f"# {name}: {folder}"
        yield command.shell_line(ENVIRON)
