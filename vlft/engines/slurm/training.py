"""Several jobs as one array: a script that hands each element over to its run's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vlft.engines.process import Outcome, utc_now, write_outcome
from vlft.engines.slurm.job import SCRIPT, PlannedJob, plan_job
from vlft.engines.slurm.queue import Job, write_job
from vlft.engines.slurm.quoting import directive, file_pattern, word
from vlft.engines.slurm.submit import require_sbatch, sbatch, submit_job
from vlft.engines.training import new_folder, require_swift
from vlft.errors import VlftError
from vlft.files import write_text
from vlft.runs.create import create_run
from vlft.runs.index import remember
from vlft.runs.record import Run, read_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vlft.pipeline import Ready
    from vlft.security.secrets import Secret

ARRAY: Final = "array.sbatch"
_OF_A_RUN: Final = ("--job-name=", "--output=")


def render_array(jobs: Sequence[PlannedJob]) -> str:
    """The text for sbatch.

    Raises:
        VlftError: If the jobs ask for different things, which an array can't.
    """
    first, *others = (_shared(job) for job in jobs)
    for job, options in zip(jobs[1:], others, strict=True):
        different = sorted(set(first) ^ set(options))
        if different:
            raise VlftError(
                f"the jobs of an array ask for the same: {jobs[0].folder.name} and "
                f"{job.folder.name} differ in {', '.join(different)}",
                "write the same in both, or submit them one by one",
            )
    return "".join(f"{line}\n" for line in _lines(jobs, first))


def _lines(jobs: Sequence[PlannedJob], options: tuple[str, ...]) -> Iterator[str]:
    folder = str(jobs[0].attempt)
    own = (f"--array=0-{len(jobs) - 1}", f"--job-name=vlft-{len(jobs)}-runs")
    output = f"--output={file_pattern(folder, 'array-%A_%a.out')}"
    yield "#!/bin/bash"
    yield from (directive(option) for option in (*own, output, *options))
    yield "#"
    yield "# Made by vlft: each element of the array is one run, with a script of its own."
    yield "runs=("
    yield from (f"    {word(str(job.attempt))}" for job in jobs)
    yield ")"
    yield "run=${runs[SLURM_ARRAY_TASK_ID]}"
    yield f'exec bash "$run/{SCRIPT}" >> "$run/slurm-$SLURM_JOB_ID.out" 2>&1'


def _shared(job: PlannedJob) -> tuple[str, ...]:
    return tuple(option for option in job.script.options if not option.startswith(_OF_A_RUN))


def array_secrets(jobs: Sequence[PlannedJob]) -> dict[str, Secret]:
    """What the submitting environment must hold for all of them.

    Raises:
        VlftError: If two jobs want the same variable to hold different secrets.
    """
    held: dict[str, Secret] = {}
    for job in jobs:
        for variable, value in job.secrets.items():
            if held.setdefault(variable, value) != value:
                raise VlftError(
                    f"the jobs of an array share one environment: {variable} differs in "
                    f"{job.folder.name}",
                    "give all of them the same, or submit them one by one",
                )
    return held


def submit_array(jobs: Sequence[PlannedJob], script: str) -> Job:
    """Writes all scripts and submits one array; the attempts' folders exist.

    Args:
        jobs: At least two.
        script: What `render_array` gave for them.

    Raises:
        VlftError: If sbatch refuses it; every run then has an outcome.
        OSError: If a folder can't be written.
    """
    for job in jobs:
        write_text(job.attempt / SCRIPT, job.text)
        (job.attempt / SCRIPT).chmod(0o700)
    file = jobs[0].attempt / ARRAY
    write_text(file, script)
    try:
        submitted = sbatch(file, jobs[0].script.options, array_secrets(jobs))
    except VlftError as error:
        for job in jobs:
            refused = Outcome("failed", None, None, error.message, None, utc_now())
            write_outcome(job.attempt, refused)
        raise
    for index, job in enumerate(jobs):
        write_job(job.attempt, Job(f"{submitted.id}_{index}"))
    return submitted


@dataclass(frozen=True)
class Submitted:
    """Runs that wait for their turn.

    Attributes:
        runs: As they can be found again, in the order of the configs.
        job: Slurm's; an array for several runs.
    """

    runs: tuple[Run, ...]
    job: Job


def planned_job(prepared: Ready, run_id: str | None = None) -> PlannedJob:
    """The job of a prepared config, as it would be submitted now.

    Raises:
        VlftError: If the number of processes is not known, or sbatch can't be told.
    """
    loaded, facts, plan = prepared.loaded, prepared.facts, prepared.plan
    folder = new_folder(prepared, run_id)
    return plan_job(loaded.config, facts, plan, folder)


def submit(
    configs: Sequence[Ready], overrides: Sequence[str] = (), *, run_id: str | None = None
) -> Submitted:
    """Submits one job, or an array of one job a config.

    Raises:
        VlftError: If there is no sbatch or no ms-swift, or the cluster refuses.
        OSError: If a run's folder can't be written.
    """
    require_sbatch()
    jobs: list[PlannedJob] = []
    for prepared in configs:
        loaded, facts = prepared.loaded, prepared.facts
        if loaded.config.slurm is None or loaded.config.slurm.container is None:
            require_swift(facts)
        jobs.append(planned_job(prepared, run_id))
    # Whatever can't be written is found before the first folder is made.
    texts = [job.text for job in jobs]
    array_secrets(jobs)
    array = render_array(jobs) if len(texts) > 1 else None
    for prepared, job in zip(configs, jobs, strict=True):
        create_run(job.folder, prepared.run, prepared.plan, job.command, overrides)
        remember(job.folder)
    submitted = submit_job(jobs[0]) if array is None else submit_array(jobs, array)
    found = (read_run(job.folder) for job in jobs)
    return Submitted(tuple(run for run in found if run is not None), submitted)
