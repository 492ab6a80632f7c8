"""What `vlft train` does with configs that are right: it asks the engine that they name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vlft.engines.base import engine_named
from vlft.errors import UsageError, VlftError
from vlft.output import console
from vlft.runs.create import run_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vlft.engines.base import Engine, Order
    from vlft.pipeline import Ready
    from vlft.probe.collect import Facts
    from vlft.runs.record import Run


def engine_for(order: Order) -> Engine:
    """The engine that all configs name.

    Raises:
        UsageError: If they name several, or the flags fit none of it.
    """
    names = {one.loaded.config.launch.engine: one.loaded.source.file for one in order.configs}
    if len(names) > 1:
        named = ", ".join(f"{file}: {engine}" for engine, file in names.items())
        raise UsageError(f"the configs name several engines ({named})", "start them one by one")
    engine = engine_named(*names)
    if engine.places_processes and order.node_rank:
        raise UsageError(
            f"--node-rank with `engine: {engine.name}`: the scheduler numbers the nodes"
        )
    if len(order.configs) > 1 and (order.run_id is not None or order.node_rank):
        flag = "--run-id" if order.run_id is not None else "--node-rank"
        raise UsageError(f"{flag} is for one config", "start them one by one")
    return engine


def dry_run_text(order: Order, *, as_json: bool) -> str:
    """What would be started: commands, batch scripts, or the manifests themselves.

    Raises:
        VlftError: If it is not known yet.
    """
    engine = engine_for(order)
    described = [
        (engine.describe(prepared, run_id=order.run_id, node_rank=order.node_rank), prepared)
        for prepared in order.configs
    ]
    if not as_json:
        return "".join(description.text for description, _ in described)
    return _json(
        [
            description.to_json(engine.name, prepared.plan.world)
            for description, prepared in described
        ]
    )


def start(order: Order, say: Callable[[str], None], *, as_json: bool) -> int:
    """Starts everything; runs of this machine one after the other, to their ends.

    Args:
        order: For one engine, which starts runs.
        say: Takes what goes to stdout.
        as_json: Whether that is JSON; else the folders of the runs.

    Returns:
        The exit code.

    Raises:
        VlftError: If something can't be started.
        TrainerError: If a trainer failed; the others were run all the same.
    """
    runs: list[Run] = []

    def report(run: Run) -> None:
        runs.append(run)
        if not as_json:
            say(str(run.folder))

    try:
        return engine_for(order).start(order, report)
    finally:
        if as_json and runs:
            say(_json([run.to_json() for run in runs]).rstrip())


def new_folder(prepared: Ready, run_id: str | None = None) -> Path:
    """The folder of a run that would start now.

    Raises:
        VlftError: If the number of processes is not known yet.
        UsageError: If the id can't be a folder's name.
    """
    if prepared.plan.world.world_size is None:
        raise VlftError(
            "the number of GPUs is not known, so there is no command yet",
            "say what machine it is for: --hardware 4xA100-80G, or write launch.nproc_per_node",
        )
    if run_id is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id):
        raise UsageError(f"`{run_id}` can't be a run's id", "letters, digits, dots and dashes")
    return run_folder(prepared.run, run_id)


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


def _json(rows: list[dict[str, Any]]) -> str:
    """One object for one config, a list for several."""
    data: object = rows[0] if len(rows) == 1 else rows
    return console.json_text(data, indent=2) + "\n"
