"""What an engine is given to start or to resume, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vlft.pipeline import Ready
    from vlft.plan.command import MaskedCommand
    from vlft.resolve.world import World
    from vlft.runs.record import Run

MASTER_TIMEOUT_S = 600.0
"""How long the other nodes wait for node 0, in seconds: it may have to be started by hand."""


@dataclass(frozen=True)
class Order:
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


@dataclass(frozen=True)
class Description:
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


@dataclass(frozen=True)
class Trained:
    """A run that was resumed or run to its end.

    Attributes:
        run: The run, as it can be found again.
        exit_code: What vlft ends with: 0, or 128 + the signal that stopped it.
    """

    run: Run
    exit_code: int


@dataclass(frozen=True)
class Resumption:
    """A run about to go on.

    Attributes:
        run: As it was found.
        checkpoint: Where it goes on from.
        prepared: Its config, read again.
    """

    run: Run
    checkpoint: Path
    prepared: Ready
