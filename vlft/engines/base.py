"""What an engine does, what it is given and gives back, and how `vlft train` asks it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from vlft.engines.traits import EngineTraits
from vlft.errors import UsageError, VlftError
from vlft.output import console

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from vlft.pipeline import Ready
    from vlft.plan import MaskedCommand
    from vlft.resolve.world import World
    from vlft.runs.record import Run

MASTER_TIMEOUT_S = 600.0
"""How long the other nodes wait for node 0, in seconds: it may have to be started by hand."""


class Order(Struct, frozen=True):
    """What is to be started.

    Attributes:
        configs: Without errors, all for the same engine.
        overrides: `--set` values, for the record.
        node_rank: Which node this is; 0 where the engine places the processes.
        run_id: Name of the run's folder; None makes one up.
        master_timeout_s: How long another node waits for node 0, in seconds.
    """

    configs: tuple[Ready, ...]
    overrides: tuple[str, ...] = ()
    node_rank: int = 0
    run_id: str | None = None
    master_timeout_s: float = MASTER_TIMEOUT_S


class Description(Struct, frozen=True):
    """What would be started.

    Attributes:
        text: For a terminal: a command, a script, a manifest.
        command: The trainer, without secrets.
        starter: One line that starts it by hand.
        details: What else there is, by its key in JSON.
    """

    text: str
    command: MaskedCommand
    starter: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self, engine: str, world: World) -> dict[str, Any]:
        """The documented object of `vlft train --dry-run --format json`."""
        return {
            "argv": list(self.command.argv),
            "env": self.command.env,
            "command": self.starter,
            "nodes": world.nnodes,
            "nproc_per_node": world.nproc_per_node,
            "world_size": world.world_size,
            "engine": engine,
            **self.details,
        }


class Trained(Struct, frozen=True):
    """A run that was run to its end, or handed to a scheduler.

    Attributes:
        run: The run, as it can be found again.
        exit_code: What vlft ends with: 0, or 128 + the signal that stopped it.
    """

    run: Run
    exit_code: int


class Resumption(Struct, frozen=True):
    """A run about to go on.

    Attributes:
        run: As it was found.
        checkpoint: Where it goes on from.
        prepared: Its config, read again.
    """

    run: Run
    checkpoint: Path
    prepared: Ready


class Engine(EngineTraits, ABC):
    """Where a run is carried out: `ENGINE` in the `engine.py` of a folder of vlft/engines.

    What it can be asked are its `EngineTraits`, in the folder's `__init__.py`. Its section and its
    rules stand beside it: see `vlft.engines`.
    """

    @abstractmethod
    def describe(self, prepared: Ready, order: Order) -> Description:
        """What `train --dry-run` prints for a config of an order; starts and writes nothing.

        Raises:
            VlftError: If it is not known yet.
        """

    def node_commands(self, prepared: Ready, order: Order, flags: Sequence[str]) -> list[str]:  # noqa: ARG002
        """A line for a shell on each node, the first for node 0.

        Args:
            prepared: A config of the order.
            order: If it names no run's folder, one is made up that all lines share.
            flags: Further flags of `vlft train`.

        Raises:
            VlftError: If an override holds a secret, or the number of processes is not known.
            UsageError: If the engine starts the nodes.
        """
        raise UsageError(f"with `engine: {self.name}` the scheduler starts the nodes")

    def start(self, order: Order) -> Iterator[Trained]:
        """Starts every run of an order, and records it in the run's folder.

        Yields:
            Each run once it is over, or handed to a scheduler.

        Raises:
            VlftError: If something can't be started.
            TrainerError: If a trainer failed.
            OSError: If a run's folder can't be written.
        """
        raise NotImplementedError

    def resume(self, resumption: Resumption, *, node_rank: int = 0) -> Trained:  # noqa: ARG002
        """Resumes a run from its last checkpoint, in its own folder.

        Raises:
            VlftError: If another vlft has just begun to resume it, or it can't be started.
            TrainerError: If the trainer failed.
            OSError: If the run's folder can't be written.
        """
        raise VlftError(
            f"vlft does not resume runs with `engine: {self.name}`",
            f"start it again from {resumption.checkpoint}: train.resume_from_checkpoint",
        )

    def stop(self, run: Run, wait_s: float) -> Run:  # noqa: ARG002
        """Ends a run, waits until nothing of it is left, and returns it as it is then.

        Raises:
            VlftError: If it can't be ended, or has not ended in time.
        """
        raise VlftError(f"vlft does not stop runs with `engine: {self.name}`")

    def begins_again(self) -> bool:
        """Whether the job that asks, which was told to end, will be started again."""
        return False

    def last_error(self, attempt: Path) -> str | None:  # noqa: ARG002
        """The trainer's last error, where only its job concludes an attempt; None if unknown."""
        return None


def engine_named(name: str) -> Engine:
    """The engine of that name, one of `engine_names`."""
    engine: Engine = import_module(f"vlft.engines.{name}.engine").ENGINE
    return engine


def require_swift(prepared: Ready) -> None:
    """Stops where there is no ms-swift to start.

    Raises:
        VlftError: With the command that installs it.
    """
    interpreter = prepared.facts.interpreter
    if interpreter is None or interpreter.swift_dir is None:
        raise VlftError(
            "ms-swift is not installed: nothing can be trained here",
            "pip install 'vlft[train]', or name an interpreter that has it: launch.python",
        )


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
    texts, rows = [], []
    for prepared in order.configs:
        described = engine.describe(prepared, order)
        texts.append(described.text)
        rows.append(described.to_json(engine.name, prepared.plan.world))
    return f"{_json(rows)}\n" if as_json else "".join(texts)


def start(order: Order, *, as_json: bool) -> int:
    """Starts everything, and prints the runs; those of this machine one after the other.

    Args:
        order: For one engine, which starts runs.
        as_json: Whether to print them as JSON; else their folders.

    Returns:
        The exit code.

    Raises:
        VlftError: If something can't be started.
        TrainerError: If a trainer failed; the others were run all the same.
    """
    rows: list[dict[str, Any]] = []
    code = 0
    try:
        for trained in engine_for(order).start(order):
            code = trained.exit_code
            rows.append(trained.run.to_json())
            if not as_json:
                console.write(str(trained.run.folder))
    finally:
        if as_json and rows:
            console.write(_json(rows))
    return code


def _json(rows: list[dict[str, Any]]) -> str:
    """One object for one config, a list for several."""
    return console.json_text(rows[0] if len(rows) == 1 else rows, indent=2)
