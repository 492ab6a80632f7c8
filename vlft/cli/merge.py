"""`vlft merge`: a checkpoint becomes weights to ship."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption


def merge(
    target: Annotated[
        Optional[str],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Argument(
            metavar="[RUN|CHECKPOINT]", help="The newest finished run's best or last if absent."
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
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Merge an adapter into its base, and quantise the result."""
    import json
    import sys

    from vlft.launch.exporting import ship
    from vlft.runs.target import newest_target, resolve_target

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    found = newest_target() if target is None else resolve_target(target)
    shipped = ship(found, bits=quant_bits, method=quant_method, output=output, say=say)
    if shipped.exit_code:
        raise typer.Exit(shipped.exit_code)
    if output_format is Format.JSON:
        typer.echo(json.dumps(shipped.to_json(), indent=2, ensure_ascii=False))
        return
    for product in (shipped.merged, shipped.quantized):
        if product is not None:
            typer.echo(f"{product.folder}{'  (was there already)' if product.reused else ''}")
