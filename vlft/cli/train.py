"""`vlft train`: a config becomes a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from typer import Argument, Option

from vlft.cli.options import (
    FormatOption,
    HardwareOption,
    IgnoreOption,
    NodeRankOption,
    ScanOption,
    SetOption,
    ignored_rules,
)
from vlft.output import console


def train(
    configs: Annotated[list[Path], Argument(metavar="CONFIG…", help="YAML config files.")],
    overrides: SetOption = None,
    hardware: HardwareOption = "here",
    ignore: IgnoreOption = None,
    data: ScanOption = "full",
    dry_run: Annotated[
        bool, Option("--dry-run", help="Print the command or script instead of running it.")
    ] = False,
    no_validate: Annotated[
        bool, Option("--no-validate", help="Start although rules are broken.")
    ] = False,
    node_rank: NodeRankOption = 0,
    master_addr: Annotated[
        str | None, Option(help="Address of node 0; launch.master_addr.")
    ] = None,
    master_timeout: Annotated[
        float, Option(min=0, help="Seconds that node 0 is waited for.")
    ] = 600,
    run_id: Annotated[
        str | None, Option(help="Name of the run's folder; the same on all nodes.")
    ] = None,
    print_node_commands: Annotated[
        bool, Option("--print-node-commands", help="Print one command a node.")
    ] = False,
    output_format: FormatOption = "text",
) -> None:
    """Train what a config says, and keep a record of it; several one after the other."""
    from vlft.engines.base import Order, dry_run_text, engine_for, start
    from vlft.output.findings import print_findings
    from vlft.pipeline import look_at_hardware, prepare_all, require_ready

    values = list(overrides or ())
    if master_addr is not None:
        values.append(f"launch.master_addr={master_addr}")
    if dry_run or print_node_commands:
        data = "quick" if data == "full" else data
    elif node_rank:
        data = "none"  # node 0 looks
    machine, ignored = look_at_hardware(hardware), ignored_rules(ignore)
    judge = not no_validate
    prepared = require_ready(
        prepare_all(configs, values, machine, judge=judge, data=data, ignore=ignored)
    )
    for one in prepared:
        print_findings(one.findings, one.documents)
    order = Order(prepared, tuple(values), node_rank, run_id, master_timeout)
    engine = engine_for(order)
    if print_node_commands:
        flags = ["--no-validate"] if no_validate else []
        for one in prepared:
            console.write("\n".join(engine.node_commands(one, order, flags)))
        return
    as_json = output_format == "json"
    if dry_run or not engine.starts_runs:
        console.write_document(dry_run_text(order, as_json=as_json))
        return
    raise typer.Exit(start(order, as_json=as_json))
