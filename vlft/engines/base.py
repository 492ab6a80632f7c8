"""What an engine does, and what others may ask it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from vlft.errors import UsageError, VlftError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vlft.config.reader import LoadedConfig
    from vlft.config.schema import Config
    from vlft.engines.process import Outcome
    from vlft.engines.resume import Resumption
    from vlft.engines.train import Description, Order, Trained
    from vlft.pipeline import Prepared
    from vlft.runs.record import Run

State = Literal["starting", "running", "gone"]
"""What an engine says of an attempt without an outcome; `gone`: nothing of it is left."""


class Engine(ABC):
    """Where a run is carried out.

    Attributes:
        name: What `launch.engine` says, and what the folder in vlft/engines is called.
        shares_machine: Whether the trainer runs on the machine that vlft was called on, so that
            its GPUs, its cores and its processes tell of the run.
        places_processes: Whether it chooses nodes and GPUs, numbers the nodes, and tells the
            processes where node 0 is. Otherwise vlft is called on each node.
        starts_runs: Whether vlft starts runs itself; else it prints what starts them.
        unread_keys: Keys under `launch:` that nothing reads.
    """

    name: ClassVar[str]
    shares_machine: ClassVar[bool]
    places_processes: ClassVar[bool]
    starts_runs: ClassVar[bool] = True
    unread_keys: ClassVar[tuple[str, ...]] = ()

    def probe(
        self,
        loaded: LoadedConfig,  # noqa: ARG002
        visible: tuple[str, ...] | None,  # noqa: ARG002
        environ: Mapping[str, str],  # noqa: ARG002
    ) -> object | None:
        """What can be found out about a run before it is started; read-only.

        Args:
            loaded: A config of this engine.
            visible: Ids of the visible GPUs; None if the machine is not to be judged.
            environ: The caller's environment.

        Returns:
            A frozen dataclass, which rules get by `facts.of_engine`.
        """
        return None

    def uses_image(self, config: Config) -> bool:  # noqa: ARG002
        """Whether an image's own packages train, of which nothing is known here."""
        return False

    def cores_per_node(self, config: Config) -> int | None:  # noqa: ARG002
        """Cores that the config asks for on a node; None if it does not say."""
        return None

    @abstractmethod
    def describe(
        self, prepared: Prepared, *, run_id: str | None = None, node_rank: int = 0
    ) -> Description:
        """What `train --dry-run` prints; starts and writes nothing.

        Raises:
            VlftError: If it is not known yet.
        """

    def node_commands(
        self,
        prepared: Prepared,  # noqa: ARG002
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

    def status(self, attempt: Path, record: Mapping[str, Any]) -> State:  # noqa: ARG002
        """How an attempt without an outcome is.

        Args:
            attempt: Its folder.
            record: run.json.
        """
        return "gone"

    def stop(self, run: Run, wait_s: float) -> Run:  # noqa: ARG002
        """Ends a run, waits until nothing of it is left, and returns it as it is then.

        Raises:
            VlftError: If it can't be ended, or has not ended in time.
        """
        raise VlftError(f"vlft does not stop runs with `engine: {self.name}`")

    def log_files(self, attempt: Path) -> list[Path]:
        """Files that the trainer's output goes to; they may not be there yet."""
        from vlft.engines.process import STDERR, STDOUT  # noqa: PLC0415 - runs alone have logs

        return [attempt / STDOUT, attempt / STDERR]

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
