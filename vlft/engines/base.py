"""What an engine does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING

from vlft.engines.traits import EngineTraits
from vlft.errors import UsageError, VlftError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vlft.engines.order import Description, Order, Resumption, Trained
    from vlft.engines.process import Outcome
    from vlft.pipeline import Ready
    from vlft.runs.record import Run


class Engine(EngineTraits, ABC):
    """Where a run is carried out: `ENGINE` in the `engine.py` of a folder of vlft/engines.

    What it can be asked are `EngineTraits`. Its section and its rules stand beside it: see
    `vlft.engines`.
    """

    @abstractmethod
    def describe(
        self, prepared: Ready, *, run_id: str | None = None, node_rank: int = 0
    ) -> Description:
        """What `train --dry-run` prints; starts and writes nothing.

        Raises:
            VlftError: If it is not known yet.
        """

    def node_commands(
        self,
        prepared: Ready,  # noqa: ARG002
        overrides: Sequence[str],  # noqa: ARG002
        run_id: str | None,  # noqa: ARG002
        flags: Sequence[str] = (),  # noqa: ARG002
    ) -> list[str]:
        """A line for a shell on each node, the first for node 0.

        Args:
            prepared: A config without errors.
            overrides: `--set` values.
            run_id: Name of the run's folder; one is made up that all lines share.
            flags: Further flags of `vlft train`.

        Raises:
            VlftError: If an override holds a secret, or the number of processes is not known.
            UsageError: If the engine starts the nodes.
        """
        raise UsageError(f"with `engine: {self.name}` the scheduler starts the nodes")

    def start(self, order: Order, report: Callable[[Run], None]) -> int:
        """Starts every run of an order, and records it in the run's folder.

        Args:
            order: What to start.
            report: Takes each run once it is over, or handed to a scheduler.

        Returns:
            The exit code.

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

    def conclude(self, attempt: Path, exit_code: int, stopped_by: str | None) -> Outcome | None:
        """Writes how an attempt ended, unless that is known already; its own job calls this.

        Args:
            attempt: Its folder.
            exit_code: Of the trainer, or 128 and the signal that ended it.
            stopped_by: Name of the signal that asked for the end; None if none did.

        Returns:
            The outcome; None for a job that will begin again.

        Raises:
            OSError: If it can't be written.
        """
        from vlft.engines import process  # noqa: PLC0415 - runs alone have an end

        outcome = process.conclude(exit_code, stop=stopped_by, orphaned=False)
        outcome = process.told_of_the_disk(outcome, attempt)
        process.write_outcome(attempt, outcome)
        return outcome


def engine_named(name: str) -> Engine:
    """The engine of that name, one of `engine_names`."""
    engine: Engine = import_module(f"vlft.engines.{name}.engine").ENGINE
    return engine
