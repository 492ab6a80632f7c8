"""The engine `slurm`: a readable batch script in the run's folder, submitted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from vlft.engines.base import Engine
from vlft.engines.local.error_log import last_error_in
from vlft.engines.process import Outcome, conclude, told_of_the_disk, write_outcome
from vlft.engines.slurm.commands import UnavailableError, call
from vlft.engines.slurm.queue import log_files
from vlft.environment import ENVIRON

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from vlft.config.reader import LoadedConfig
    from vlft.config.schema import Config
    from vlft.engines.order import Description, Order, Resumption, Trained
    from vlft.engines.slurm.probe import SlurmFacts
    from vlft.engines.traits import State
    from vlft.environment import Environment
    from vlft.pipeline import Ready
    from vlft.runs.record import Run

_SECONDS: Final = 20
_WINDOW: Final = 256 * 1024  # bytes
_LABEL: Final = re.compile(rb"^ *\d+: ", re.MULTILINE)
_SLURMS: Final = re.compile(rb"^(?:srun|slurmstepd|scancel): .*\n?", re.MULTILINE)


def conclude_job(attempt: Path, exit_code: int, stopped_by: str | None) -> Outcome | None:
    """Writes how a job ended, unless that is known already, or it will begin again.

    Called by the job itself, in its environment.

    Args:
        attempt: The attempt's folder.
        exit_code: Of srun: the trainer's, or 128 and the signal that ended it.
        stopped_by: Name of the signal that the job got from Slurm; None if it got none.

    Returns:
        The outcome; None for a job that Slurm has stopped to begin it again.

    Raises:
        OSError: If it can't be written.
    """
    if stopped_by is not None and begins_again(ENVIRON):
        return None
    ENVIRON.remember_secrets()
    if stopped_by is not None and exit_code == 0:
        # A trainer that is told to end saves, and ends as if it were done.
        exit_code = 143
    outcome = conclude(
        exit_code, stop=stopped_by, orphaned=False, last_error=lambda: _last_error(attempt)
    )
    outcome = told_of_the_disk(outcome, attempt)
    write_outcome(attempt, outcome)
    return outcome


def begins_again(job: Mapping[str, str]) -> bool:
    """Whether Slurm has stopped this job for another one, or a node of it has failed.

    A job that is requeued counts its restarts from the moment on in which that is decided; one
    that is preempted with a time of grace has a PreemptTime from then on.

    Args:
        job: The job's environment.
    """
    number = job.get("SLURM_JOB_ID")
    if number is None:
        return False
    try:
        shown = call("scontrol", "show", "job", number, seconds=_SECONDS)
    except UnavailableError:
        return False
    fields = dict(field.partition("=")[::2] for field in shown.stdout.split())
    if fields.get("Requeue") != "1":
        return False
    before = int(job.get("SLURM_RESTART_COUNT", "0"))
    restarted = int(fields.get("Restarts", "0")) > before
    return restarted or fields.get("PreemptTime", "None") not in ("None", "Unknown")


def _last_error(attempt: Path) -> str | None:
    logs = log_files(attempt)
    if not logs:
        return None
    newest = max(logs, key=lambda path: path.stat().st_mtime)
    with newest.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - _WINDOW))
        trainers = _SLURMS.sub(b"", _LABEL.sub(b"", file.read()))  # a label tells the node
    return last_error_in(trainers)


class SlurmEngine(Engine):
    """Jobs of Slurm, which belong to the cluster from their submission on."""

    name = "slurm"
    shares_machine = False
    places_processes = True
    unread_keys = ("master_addr",)

    def probe(
        self,
        loaded: LoadedConfig,
        visible: tuple[str, ...] | None,
        environ: Environment,
    ) -> SlurmFacts:
        """What the cluster says of the job."""
        from vlft.engines.slurm.probe import read_slurm

        return read_slurm(loaded, visible, environ)

    def uses_image(self, config: Config) -> bool:
        """With `slurm.container`."""
        from vlft.engines.slurm.section import Slurm

        section = config.engine_section(Slurm)
        return section is not None and section.container is not None

    def cores_per_node(self, config: Config) -> int | None:
        """One task a node starts all its processes, so they are the task's."""
        from vlft.engines.slurm.section import Slurm

        section = config.engine_section(Slurm)
        return None if section is None else section.cpus_per_task

    def describe(
        self,
        prepared: Ready,
        *,
        run_id: str | None = None,
        node_rank: int = 0,  # noqa: ARG002
    ) -> Description:
        """The batch script."""
        from vlft.engines.slurm.job import describe_job

        return describe_job(prepared, run_id)

    def start(self, order: Order, report: Callable[[Run], None]) -> int:
        """Submits one job, or an array for several configs, and does not wait for it."""
        from vlft.engines.slurm.submit import submit
        from vlft.output import console

        job, runs = submit(order.configs, order.overrides, run_id=order.run_id)
        console.note(f"vlft: submitted job {job.id}")
        for run in runs:
            report(run)
        return 0

    def resume(self, resumption: Resumption, *, node_rank: int = 0) -> Trained:  # noqa: ARG002
        """Submits a new job, and does not wait for it."""
        from vlft.engines.order import Trained
        from vlft.engines.slurm.submit import resubmit

        return Trained(resubmit(resumption), 0)

    def status(self, attempt: Path, record: Mapping[str, Any]) -> State:
        """What Slurm says of the job; without one, whether it is about to be submitted."""
        from vlft.engines.local.processes import process_state
        from vlft.engines.slurm.queue import read_job, state_of

        job = read_job(attempt)
        return process_state(attempt, record) if job is None else state_of(job)

    def stop(self, run: Run, wait_s: float) -> Run:
        """Cancels the job."""
        from vlft.engines.local.processes import stop
        from vlft.engines.slurm.queue import read_job, stop_job

        job = read_job(run.attempt)
        return stop(run, wait_s) if job is None else stop_job(run, job, wait_s)

    def log_files(self, attempt: Path) -> list[Path]:
        """What the job wrote; none if it has not begun."""
        from vlft.engines.slurm.queue import log_files

        return log_files(attempt)

    def conclude(self, attempt: Path, exit_code: int, stopped_by: str | None) -> Outcome | None:
        """Writes how the job ended, unless it will begin again."""
        return conclude_job(attempt, exit_code, stopped_by)


ENGINE = SlurmEngine()
