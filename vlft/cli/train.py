"""`vlft train`: a config becomes a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from vlft.cli.options import (
    Format,
    FormatOption,
    HardwareOption,
    IgnoreOption,
    Scan,
    ScanOption,
    SetOption,
    ignored_rules,
)
from vlft.output import console

if TYPE_CHECKING:
    from vlft.pipeline import Ready


def train(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG…", help="YAML config files.")],
    overrides: SetOption = None,
    hardware: HardwareOption = "here",
    ignore: IgnoreOption = None,
    data: ScanOption = Scan.FULL,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the command or script instead of running it.")
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
    master_timeout: Annotated[
        float, typer.Option("--master-timeout", min=0, help="Seconds that node 0 is waited for.")
    ] = 600,
    run_id: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option("--run-id", help="Name of the run's folder; the same on all nodes."),
    ] = None,
    print_node_commands: Annotated[
        bool, typer.Option("--print-node-commands", help="Print one command a node.")
    ] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Train what a config says, and keep a record of it; several one after the other."""
    from vlft.engines.base import Order
    from vlft.engines.train import dry_run_text, engine_for, start

    values = list(overrides or ())
    if master_addr is not None:
        values.append(f"launch.master_addr={master_addr}")
    if dry_run or print_node_commands:
        data = Scan.QUICK if data is Scan.FULL else data
    elif node_rank:
        data = Scan.NONE  # node 0 looks
    prepared = _prepared(configs, values, hardware, ignore, data, judge=not no_validate)
    order = Order(prepared, tuple(values), node_rank, run_id, master_timeout)
    engine = engine_for(order)
    if print_node_commands:
        flags = ["--no-validate"] if no_validate else []
        for one in prepared:
            console.write("\n".join(engine.node_commands(one, values, run_id, flags)))
        return
    as_json = output_format is Format.JSON
    if dry_run or not engine.starts_runs:
        console.write_document(dry_run_text(order, as_json=as_json))
        return
    raise typer.Exit(start(order, console.write, as_json=as_json))


def _prepared(
    configs: list[Path],
    values: list[str],
    hardware: str,
    ignore: list[str] | None,
    data: Scan,
    *,
    judge: bool,
) -> tuple[Ready, ...]:
    """All configs, none of which has an error."""
    from vlft.errors import InvalidError
    from vlft.findings import has_errors
    from vlft.output.findings import print_findings
    from vlft.pipeline import Ready, look_at_hardware, prepare
    from vlft.probe.collect import FactCache

    machine, ignored, cache = look_at_hardware(hardware), ignored_rules(ignore), FactCache()
    prepared = tuple(
        prepare(
            config,
            values,
            machine,
            judge=judge,
            data=data.value,
            ignore=ignored,
            cache=cache,
        )
        for config in configs
    )
    for one in prepared:
        print_findings(one.findings, one.documents)
    findings = [finding for one in prepared for finding in one.findings]
    ready = tuple(one for one in prepared if isinstance(one, Ready))
    if has_errors(findings) or len(ready) < len(prepared):
        raise InvalidError(findings)
    return ready
