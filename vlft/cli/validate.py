"""`vlft validate`: everything that can be known before the run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vlft.cli.options import Format, FormatOption, HardwareOption, SetOption


def validate(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="YAML config files.")],
    overrides: SetOption = None,
    hardware: HardwareOption = "none",
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Say everything that is wrong with configs, without starting anything."""
    import json
    import sys

    from vlft.cli.report import documents_of
    from vlft.findings import has_errors, to_json, to_text
    from vlft.pipeline import look_at_hardware, prepare

    machine = look_at_hardware(hardware)
    rows, failed = [], False
    for config in configs:
        prepared = prepare(config, overrides or (), machine)
        bad = has_errors(prepared.findings)
        failed |= bad or (strict and any(f.severity == "warning" for f in prepared.findings))
        if output_format is Format.TEXT:
            text = to_text(prepared.findings, documents_of(prepared), color=sys.stdout.isatty())
            typer.echo("\n".join(filter(None, [text, "" if bad else f"{config}: ok"])))
        rows.append(
            {"file": str(config), "ok": not bad, "findings": list(map(to_json, prepared.findings))}
        )
    if output_format is Format.JSON:
        typer.echo(json.dumps({"version": 1, "files": rows}, indent=2, ensure_ascii=False))
    raise typer.Exit(1 if failed else 0)
