"""Prepared configs become runs of Slurm: a record and a job each; nobody waits for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.launch.slurm.array import array_secrets, render_array, submit_array
from vlft.launch.slurm.job import PlannedJob, plan_job
from vlft.launch.slurm.submit import require_sbatch, submit_job
from vlft.launch.training import new_folder, require_swift, whole
from vlft.runs.create import create_run
from vlft.runs.index import remember
from vlft.runs.record import Run, read_run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.pipeline import Prepared
    from vlft.runs.jobs import Job


@dataclass(frozen=True)
class Submitted:
    """Runs that wait for their turn.

    Attributes:
        runs: As they can be found again, in the order of the configs.
        job: Slurm's; an array for several runs.
    """

    runs: tuple[Run, ...]
    job: Job


def planned_job(prepared: Prepared, run_id: str | None = None) -> PlannedJob:
    """The job of a prepared config, as it would be submitted now.

    Raises:
        VlftError: If the number of processes is not known, or sbatch can't be told.
    """
    loaded, facts, plan = whole(prepared)
    folder = new_folder(prepared, run_id)
    return plan_job(loaded.config, facts, plan, folder)


def submit(
    configs: Sequence[Prepared], overrides: Sequence[str] = (), *, run_id: str | None = None
) -> Submitted:
    """Submits one job, or an array of one job a config.

    Raises:
        VlftError: If there is no sbatch or no ms-swift, or the cluster refuses.
        OSError: If a run's folder can't be written.
    """
    require_sbatch()
    jobs: list[PlannedJob] = []
    for prepared in configs:
        loaded, facts, _ = whole(prepared)
        if loaded.config.slurm is None or loaded.config.slurm.container is None:
            require_swift(facts)
        jobs.append(planned_job(prepared, run_id))
    # Whatever can't be written is found before the first folder is made.
    texts = [job.text for job in jobs]
    array_secrets(jobs)
    array = render_array(jobs) if len(texts) > 1 else None
    for prepared, job in zip(configs, jobs, strict=True):
        loaded, facts, plan = whole(prepared)
        create_run(job.folder, loaded, facts, plan, job.command, overrides)
        remember(job.folder)
    submitted = submit_job(jobs[0]) if array is None else submit_array(jobs, array)
    found = (read_run(job.folder) for job in jobs)
    return Submitted(tuple(run for run in found if run is not None), submitted)
