"""A planned config becomes a run: record, process, progress, outcome."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.engines.local.run import run_watched
from vlft.engines.process import STDERR, to_process
from vlft.engines.rendezvous import await_master, free_port, require_free
from vlft.errors import TrainerError, UsageError, VlftError
from vlft.plan.command import Command, render
from vlft.runs.create import create_run, run_folder
from vlft.runs.index import remember
from vlft.runs.record import CHECKPOINTS, Run, read_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vlft.engines.process import Outcome
    from vlft.pipeline import Ready
    from vlft.plan.plan import Plan
    from vlft.probe.collect import Facts

MASTER_TIMEOUT_S = 600.0
"""How long the other nodes wait for node 0, in seconds: it may have to be started by hand."""


@dataclass(frozen=True)
class Planned:
    """A run about to start.

    Attributes:
        folder: The record's folder, not made yet: the run's, or one in it for another node.
        command: The trainer.
    """

    folder: Path
    command: Command


@dataclass(frozen=True)
class Trained:
    """A run that is over.

    Attributes:
        run: The run, as it can be found again.
        exit_code: What vlft ends with: 0, or 128 + the signal that stopped it.
    """

    run: Run
    exit_code: int


def plan_command(
    prepared: Ready,
    *,
    node_rank: int = 0,
    run_id: str | None = None,
    run_dir: Path | None = None,
) -> Planned:
    """Folder and command of a run that would start now.

    Args:
        prepared: A config without errors.
        node_rank: Which node this is, from 0.
        run_id: Name of the run's folder; made up from the time if absent, which several
            nodes can't.
        run_dir: The folder of a run that goes on; a new one if absent.

    Raises:
        VlftError: If the number of processes is unknown, or the nodes would not agree on
            the folder.
    """
    facts, plan = prepared.facts, prepared.plan
    if node_rank >= plan.world.nnodes:
        raise VlftError(
            f"--node-rank {node_rank}, but launch.nnodes is {plan.world.nnodes}",
            f"ranks are 0 to {plan.world.nnodes - 1}",
        )
    if plan.world.nnodes > 1 and run_id is None and run_dir is None:
        raise VlftError(
            f"{plan.world.nnodes} nodes write into one folder, and have to agree on its name",
            "give all of them the same --run-id NAME; --print-node-commands prints their commands",
        )
    run_dir = run_dir or new_folder(prepared, run_id)
    port = free_port() if plan.torchrun and plan.world.nnodes == 1 else None
    command = render(
        plan, facts.interpreter, run_dir / CHECKPOINTS, master_port=port, node_rank=node_rank
    )
    return Planned(run_dir / f"node-{node_rank}" if node_rank else run_dir, command)


def new_folder(prepared: Ready, run_id: str | None = None) -> Path:
    """The folder of a run that would start now.

    Raises:
        VlftError: If the number of processes is not known yet.
        UsageError: If the id can't be a folder's name.
    """
    plan = prepared.plan
    if plan.world.world_size is None:
        raise VlftError(
            "the number of GPUs is not known, so there is no command yet",
            "say what machine it is for: --hardware 4xA100-80G, or write launch.nproc_per_node",
        )
    if run_id is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id):
        raise UsageError(f"`{run_id}` can't be a run's id", "letters, digits, dots and dashes")
    return run_folder(prepared.run, run_id)


def dry_run_json(prepared: Ready, planned: Planned) -> dict[str, Any]:
    """The documented object of `vlft train --dry-run --format json`."""
    facts, plan = prepared.facts, prepared.plan
    masked = planned.command.masked()
    return {
        "argv": list(masked.argv),
        "env": masked.env,
        "command": planned.command.shell_line(facts.environ),
        "nodes": plan.world.nnodes,
        "nproc_per_node": plan.world.nproc_per_node,
        "world_size": plan.world.world_size,
        "engine": "local",
    }


def train_prepared(
    prepared: Ready,
    overrides: Sequence[str] = (),
    *,
    node_rank: int = 0,
    run_id: str | None = None,
    master_timeout_s: float = MASTER_TIMEOUT_S,
) -> Trained:
    """Runs a prepared config to its end; further arguments as in `plan_command`.

    Args:
        prepared: A config without errors.
        overrides: `--set` values, for the record.
        node_rank: Which node this is, from 0.
        run_id: Name of the run's folder.
        master_timeout_s: How long another node waits for node 0, in seconds.

    Raises:
        VlftError: If there is no ms-swift to run it, or the nodes can't find each other.
        TrainerError: If the trainer failed; the message holds its last error.
        OSError: If the run's folder can't be written.
    """
    facts, plan = prepared.facts, prepared.plan
    require_swift(facts)
    planned = plan_command(prepared, node_rank=node_rank, run_id=run_id)
    meet(plan, node_rank, master_timeout_s)
    create_run(planned.folder, prepared.run, plan, planned.command.masked(), overrides)
    if node_rank == 0:
        remember(planned.folder)
    process = to_process(planned.command)
    outcome = run_watched(process, planned.folder)
    return Trained(_found(planned.folder), conclude(outcome, planned.folder))


def require_swift(facts: Facts) -> None:
    """Stops where there is no ms-swift to start.

    Raises:
        VlftError: With the command that installs it.
    """
    if facts.interpreter is None or facts.interpreter.swift_dir is None:
        raise VlftError(
            "ms-swift is not installed: nothing can be trained here",
            "pip install 'vlft[train]', or name an interpreter that has it: launch.python",
        )


def conclude(outcome: Outcome, folder: Path) -> int:
    """The exit code of an ended run.

    Raises:
        TrainerError: If the trainer failed.
    """
    if outcome.stopped_by is not None and outcome.status != "finished":
        return 128 + outcome.stopped_by
    if outcome.status != "finished":
        said = f": {outcome.error}" if outcome.error else ""
        raise TrainerError(f"{outcome.reason}{said}", f"the whole log: {folder / STDERR}")
    return 0


def meet(plan: Plan, node_rank: int, timeout_s: float) -> None:
    """Makes sure, before anything is started, that the nodes can find each other.

    Raises:
        VlftError: If node 0's port is taken, or another node does not reach it.
    """
    if not plan.torchrun or plan.master_port is None:
        return
    if node_rank == 0:
        require_free(plan.master_port)
    elif plan.master_addr is not None:
        await_master(plan.master_addr, plan.master_port, timeout_s)


def _found(folder: Path) -> Run:
    found = read_run(folder)
    if found is None:
        message = f"the run's record is gone from {folder}"
        raise VlftError(message)
    return found
