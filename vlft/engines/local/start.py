"""A run on this machine: its command, its start, and its resumption from a checkpoint."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.engines.base import MASTER_TIMEOUT_S, Trained
from vlft.engines.local.rendezvous import await_master, free_port, require_free
from vlft.engines.local.run import run_watched
from vlft.engines.process import exit_code_of, to_process
from vlft.engines.resume import begin, note, set_aside
from vlft.engines.train import new_folder, require_swift
from vlft.errors import TrainerError, VlftError
from vlft.output import console
from vlft.plan.command import Command, render
from vlft.runs.attempts import last_attempt
from vlft.runs.create import create_run
from vlft.runs.index import remember
from vlft.runs.record import CHECKPOINTS, Run, read_run
from vlft.security.masking import mask_text, secret_values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vlft.engines.base import Order, Resumption
    from vlft.pipeline import Ready
    from vlft.plan.plan import Plan


@dataclass(frozen=True)
class Planned:
    """A run about to start.

    Attributes:
        folder: The record's folder, not made yet: the run's, or one in it for another node.
        command: The trainer.
    """

    folder: Path
    command: Command


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
        run_dir: The folder of a run that is resumed; a new one if absent.

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


def node_commands(
    prepared: Ready, overrides: Sequence[str], run_id: str | None, flags: Sequence[str]
) -> list[str]:
    """One command a node; all nodes see the config and the working directory alike.

    Raises:
        VlftError: If an override holds a secret, or the number of processes is not known.
    """
    loaded, plan = prepared.loaded, prepared.plan
    hidden = secret_values(loaded.source.data)
    if any(mask_text(text, hidden) != text for text in overrides):
        raise VlftError(
            "a secret given with --set would be printed",
            "write it into the environment of each node, or into the config",
        )
    name = new_folder(prepared, run_id).name
    words = ["vlft", "train", str(Path(loaded.source.file).absolute())]
    words += [word for text in overrides for word in ("--set", text)]
    words += [*flags, "--run-id", name]
    start = f"cd {shlex.quote(str(Path.cwd()))} && "
    return [
        start + shlex.join([*words, "--node-rank", str(rank)]) for rank in range(plan.world.nnodes)
    ]


def run_order(order: Order, report: Callable[[Run], None]) -> int:
    """Runs one config after the other, each to its end.

    Raises:
        TrainerError: If a trainer failed; the others were run all the same.
    """
    failure: TrainerError | None = None
    code = 0
    for prepared in order.configs:
        if failure is not None:  # it does not keep the next one from being tried
            console.note(f"vlft: {failure.message}")
        try:
            result = train_prepared(prepared, order)
        except TrainerError as error:
            failure = error
            continue
        report(result.run)
        code = result.exit_code
        if code:
            break
    if failure is not None:
        raise failure
    return code


def train_prepared(prepared: Ready, order: Order) -> Trained:
    """Runs one config of an order to its end.

    Raises:
        VlftError: If there is no ms-swift to run it, or the nodes can't find each other.
        TrainerError: If the trainer failed; the message holds its last error.
        OSError: If the run's folder can't be written.
    """
    require_swift(prepared.facts)
    plan = prepared.plan
    planned = plan_command(prepared, node_rank=order.node_rank, run_id=order.run_id)
    _meet(plan, order.node_rank, order.master_timeout_s)
    create_run(planned.folder, prepared.run, plan, planned.command.masked(), order.overrides)
    if order.node_rank == 0:
        remember(planned.folder)
    outcome = run_watched(to_process(planned.command), planned.folder)
    run = read_run(planned.folder)
    if run is None:
        message = f"the run's record is gone from {planned.folder}"
        raise VlftError(message)
    return Trained(run, exit_code_of(outcome, planned.folder))


def resume_run(resumption: Resumption, node_rank: int) -> Trained:
    """Resumes a run and runs it to its end.

    Raises:
        VlftError: If another vlft has just begun to resume it, or there is no ms-swift.
        TrainerError: If the trainer failed.
        OSError: If the run's folder can't be written.
    """
    run, prepared = resumption.run, resumption.prepared
    require_swift(prepared.facts)
    planned = plan_command(prepared, node_rank=node_rank, run_dir=run.folder)
    _meet(prepared.plan, node_rank, MASTER_TIMEOUT_S)
    base = run.folder / f"node-{node_rank}" if node_rank else run.folder
    folder = begin(resumption, base, last_attempt(base) if node_rank else run.attempt)
    if node_rank == 0:
        set_aside(run)
    note(resumption, folder, planned.command.masked())
    log = run.folder / CHECKPOINTS / "logging.jsonl"
    outcome = run_watched(to_process(planned.command), folder, log)
    exit_code = exit_code_of(outcome, folder)
    return Trained(read_run(run.folder) or run, exit_code)


def _meet(plan: Plan, node_rank: int, timeout_s: float) -> None:
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
