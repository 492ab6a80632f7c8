"""`vlft merge`: checkpoints become weights to ship."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from vlft.cli.options import Format, FormatOption, TrustOption
from vlft.output import console

if TYPE_CHECKING:
    from vlft.export.run import Shipped


def merge(
    targets: Annotated[
        Optional[list[str]],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Argument(
            metavar="[RUN|CHECKPOINT]…",
            help="One or several; the newest finished run's best or last if absent.",
        ),
    ] = None,
    quant_bits: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--quant-bits", help="Quantise the merged weights too: 8, 4, 3 or 2 bits."),
    ] = None,
    quant_method: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--quant-method", help="bnb, gptq, gptq_v2, awq or fp8; chosen if absent."),
    ] = None,
    output: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--output", metavar="DIR", help="Folder of the last product."),
    ] = None,
    base: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--base", metavar="DIR", help="The model under the adapter, if it moved."),
    ] = None,
    trust_base: Annotated[
        bool,
        typer.Option("--trust-base", help="Take a base that changed since the training began."),
    ] = False,
    calibrate: Annotated[
        Optional[list[Path]],  # noqa: UP045
        typer.Option("--calibrate", metavar="FILE", help="JSONL that gptq and awq look at."),
    ] = None,
    rows: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option("--rows", min=1, help="Rows of it, at most; 128 if absent."),
    ] = None,
    python: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--python", help="Interpreter that exports; else export.python's."),
    ] = None,
    trust_remote_code: TrustOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the commands, and start nothing.")
    ] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Merge adapters into their bases, and quantise the results."""
    from vlft.errors import UsageError
    from vlft.export.run import Request, carry_out, dry_run_json, plan_export
    from vlft.runs.target import newest_target, resolve_target

    def say(text: str) -> None:
        console.note(text)

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
    if dry_run:
        _print_dry_run([dry_run_json(plan) for plan in plans], output_format)
        return
    made: list[Shipped] = []
    for plan in plans:
        made.append(carry_out(plan, say))
        if made[-1].exit_code:
            break
        if output_format is Format.TEXT:
            _print(made[-1])
    if output_format is Format.JSON and not made[-1].exit_code:
        objects = [shipped.to_json() for shipped in made]
        shown: Any = objects if len(objects) > 1 else objects[0]
        console.write_json(shown)
    raise typer.Exit(made[-1].exit_code)


def _print(shipped: Shipped) -> None:
    for product in (shipped.merged, shipped.quantized):
        if product is None:
            continue
        console.write(f"{product.folder}{'  (was there already)' if product.reused else ''}")
        found = product.verified or {}
        if not found:
            console.write("    not verified: the base is an id on a hub, and in no cache here")
        if "sampled_layers" in found:
            console.write(
                f"    verified: {found['tensors']} tensors, {found['sampled_layers']} changed"
                f" layers recomputed, largest error {found['max_abs_error']:.2g}"
            )
        elif found:
            console.write(
                f"    verified: {found['quantized']} of {found['tensors']} tensors quantised,"
                f" {found['bytes'] / 1e6:.1f} MB"
            )
            if "corrected" in found:
                console.write(f"    corrected: {found['corrected']}")


def _print_dry_run(plans: list[dict[str, Any]], output_format: Format) -> None:

    if output_format is Format.JSON:
        shown: Any = plans if len(plans) > 1 else plans[0]
        console.write_json(shown)
        return
    for plan in plans:
        for step in plan["steps"]:
            console.write(f"# {step['step']}: {step['output']}")
            console.write(step["command"])
