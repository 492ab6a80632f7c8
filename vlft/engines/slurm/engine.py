"""The engine `slurm`: a readable batch script in the run's folder, submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.engines.base import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from vlft.config.reader import LoadedConfig
    from vlft.config.schema import Config
    from vlft.engines.base import Description, Order, Resumption, Trained
    from vlft.engines.slurm.cluster import SlurmFacts
    from vlft.engines.traits import State
    from vlft.environment import Environment
    from vlft.pipeline import Ready
    from vlft.runs.record import Run


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
        from vlft.engines.slurm.cluster import read_slurm

        return read_slurm(loaded, visible, environ)

    def uses_image(self, config: Config) -> bool:
        """With `slurm.container`."""
        from vlft.engines.slurm.section import slurm_of

        return slurm_of(config).container is not None

    def cores_per_node(self, config: Config) -> int | None:
        """One task a node starts all its processes, so they are the task's."""
        from vlft.engines.slurm.section import slurm_of

        return slurm_of(config).cpus_per_task

    def describe(
        self,
        prepared: Ready,
        *,
        run_id: str | None = None,
        node_rank: int = 0,  # noqa: ARG002
    ) -> Description:
        """The batch script."""
        from vlft.engines.base import Description
        from vlft.engines.slurm.job import SCRIPT, plan_job
        from vlft.engines.slurm.script import render_script
        from vlft.engines.train import new_folder

        job = plan_job(prepared, new_folder(prepared, run_id))
        text = render_script(job)
        starter = f"sbatch --parsable {job.attempt / SCRIPT}"
        return Description(text, job.command, starter, {"script": text})

    def start(self, order: Order, report: Callable[[Run], None]) -> int:
        """Submits one job, or an array for several configs, and does not wait for it."""
        from vlft.engines.slurm.submit import submit
        from vlft.output import console

        job, runs = submit(order)
        console.note(f"vlft: submitted job {job}")
        for run in runs:
            report(run)
        return 0

    def resume(self, resumption: Resumption, *, node_rank: int = 0) -> Trained:  # noqa: ARG002
        """Submits a new job, and does not wait for it."""
        from vlft.engines.base import Trained
        from vlft.engines.slurm.submit import resubmit

        return Trained(resubmit(resumption), 0)

    def status(self, attempt: Path, record: Mapping[str, Any]) -> State:
        """What Slurm says of the job; without one, whether it is about to be submitted."""
        from vlft.engines.slurm.cluster import read_job, state_of
        from vlft.runs.attempts import process_state

        job = read_job(attempt)
        return process_state(attempt, record) if job is None else state_of(job)

    def stop(self, run: Run, wait_s: float) -> Run:
        """Cancels the job."""
        from vlft.engines.slurm.cluster import read_job, stop_job
        from vlft.engines.stop import stop_processes

        job = read_job(run.attempt)
        return stop_processes(run, wait_s) if job is None else stop_job(run, job, wait_s)

    def log_files(self, attempt: Path) -> list[Path]:
        """What the job wrote; none if it has not begun."""
        from vlft.engines.slurm.cluster import log_files

        return log_files(attempt)

    def begins_again(self) -> bool:
        """By what Slurm says of the job that this process is a part of."""
        from vlft.engines.slurm.cluster import begins_again
        from vlft.environment import ENVIRON

        return begins_again(ENVIRON)

    def last_error(self, attempt: Path) -> str | None:
        """In the newest log."""
        from vlft.engines.slurm.cluster import last_error

        return last_error(attempt)


ENGINE = SlurmEngine()
