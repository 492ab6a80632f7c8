"""`vlft train`: a config becomes a run."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from vlft.cli.options import (
    ConfigArgument,
    Format,
    FormatOption,
    HardwareOption,
    IgnoreOption,
    SetOption,
    ignored_rules,
)


def train(
    config: ConfigArgument,
    overrides: SetOption = None,
    hardware: HardwareOption = "here",
    ignore: IgnoreOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the command instead of running it.")
    ] = False,
    no_validate: Annotated[
        bool, typer.Option("--no-validate", help="Start although rules are broken.")
    ] = False,
    node_rank: Annotated[
        int, typer.Option("--node-rank", min=0, help="Which of launch.nnodes this is, from 0.")
    ] = 0,
    master_addr: Annotated[
        Optional[str],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Option("--master-addr", help="Address of node 0; launch.master_addr."),
    ] = None,
    run_id: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--run-id", help="Name of the run's folder; the same on all nodes."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Train what a config says, and keep a record of it."""
    import json

    from vlft.cli.report import documents_of, print_findings
    from vlft.errors import InvalidError
    from vlft.findings import has_errors
    from vlft.launch.training import dry_run_json, plan_command, train_prepared
    from vlft.pipeline import look_at_hardware, prepare

    values = list(overrides or ())
    if master_addr is not None:
        values.append(f"launch.master_addr={master_addr}")
    prepared = prepare(
        config,
        values,
        look_at_hardware(hardware),
        judge=not no_validate,
        ignore=ignored_rules(ignore),
    )
    print_findings(prepared.findings, documents_of(prepared))
    if has_errors(prepared.findings):
        raise InvalidError(prepared.findings)
    if dry_run:
        planned = plan_command(prepared, node_rank=node_rank, run_id=run_id)
        described = dry_run_json(prepared, planned)
        as_json = json.dumps(described, indent=2, ensure_ascii=False)
        typer.echo(as_json if output_format is Format.JSON else described["command"])
        return
    result = train_prepared(prepared, values, node_rank=node_rank, run_id=run_id)
    if output_format is Format.JSON:
        typer.echo(json.dumps(result.run.to_json(), indent=2, ensure_ascii=False))
    else:
        typer.echo(str(result.run.folder))
    raise typer.Exit(result.exit_code)
