"""The engine `slurm`: a readable batch script in the run's folder, submitted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.engines.base import Description, Engine, Trained, require_swift
from vlft.engines.local import error_log
from vlft.engines.process import Outcome, write_outcome
from vlft.engines.resume import begin, note
from vlft.engines.slurm import SlurmTraits
from vlft.engines.slurm.cluster import (
    NoAnswerError,
    begins_again,
    call,
    cancel,
    failure,
    read_job,
    require,
    state_of,
    write_job,
)
from vlft.engines.slurm.job import SCRIPT, plan_job
from vlft.engines.slurm.script import directive, file_pattern, render_script, word
from vlft.engines.stop import await_end, note_end, stop_processes
from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.files import write_text
from vlft.output import console
from vlft.runs.create import create_run, run_folder
from vlft.runs.index import remember
from vlft.runs.record import read_run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vlft.engines.base import Order, Resumption
    from vlft.engines.slurm.script import Job
    from vlft.environment import Environment
    from vlft.pipeline import Ready
    from vlft.runs.record import Run
    from vlft.security.secrets import Secret

ARRAY: Final = "array.sbatch"
_POLL_S: Final = 0.5
# srun's labels, which tell the node, and what Slurm itself says among the trainer's lines.
_NOISE: Final = re.compile(
    rb"^(?: *\d+: )?(?:srun|slurmstepd|scancel): .*\n?|^ *\d+: ", re.MULTILINE
)
_SECONDS: Final = 120
# What the job would take from a job around vlft for its own, and what sbatch would put over the
# options in the script (man sbatch: INPUT ENVIRONMENT VARIABLES).
_LEFT_OUT: Final = re.compile(r"SLURM_(?!CONF$|CLUSTERS$)|SBATCH_|SRUN_|SALLOC_")
_WHERE_SILENT: Final = {
    "SBATCH_ACCOUNT": "--account=",
    "SBATCH_PARTITION": "--partition=",
    "SBATCH_QOS": "--qos=",
    "SBATCH_CONSTRAINT": "--constraint=",
    "SBATCH_RESERVATION": "--reservation=",
    "SBATCH_TIMELIMIT": "--time=",
    "SBATCH_MEM_PER_NODE": "--mem=",
    "SBATCH_GRES": "--gres=",
    "SBATCH_CLUSTERS": "--clusters=",
}
"""The user's defaults → the options that decide instead of them."""


class SlurmEngine(SlurmTraits, Engine):
    """Jobs of Slurm, which belong to the cluster from their submission on."""

    def describe(
        self,
        prepared: Ready,
        *,
        run_id: str | None = None,
        node_rank: int = 0,  # noqa: ARG002
    ) -> Description:
        """The batch script."""
        job = plan_job(prepared, run_folder(prepared.run, run_id))
        text = render_script(job)
        starter = f"sbatch --parsable {job.attempt / SCRIPT}"
        return Description(text, job.command, starter, {"script": text})

    def start(self, order: Order, report: Callable[[Run], None]) -> int:
        """Submits one job, or an array for several configs, and does not wait for it."""
        require("sbatch")
        for prepared in order.configs:
            if not self.uses_image(prepared.loaded.config):
                require_swift(prepared)
        jobs = [
            plan_job(prepared, run_folder(prepared.run, order.run_id)) for prepared in order.configs
        ]
        # Whatever can't be written is found before the first folder is made.
        texts = _texts(jobs)
        array_secrets(jobs)
        for prepared, job in zip(order.configs, jobs, strict=True):
            create_run(job.folder, prepared.run, prepared.plan, job.command, order.overrides)
            remember(job.folder)
        console.note(f"vlft: submitted job {_submit(jobs, texts)}")
        for job in jobs:
            run = read_run(job.folder)
            if run is not None:
                report(run)
        return 0

    def resume(self, resumption: Resumption, *, node_rank: int = 0) -> Trained:  # noqa: ARG002
        """Submits a new job, and does not wait for it."""
        require("sbatch")
        run = resumption.run
        folder = begin(resumption)
        job = plan_job(resumption.prepared, run.folder, folder)
        note(resumption, folder, job.command)
        _submit([job], _texts([job]))
        return Trained(read_run(run.folder) or run, 0)

    def stop(self, run: Run, wait_s: float) -> Run:
        """Cancels the job, and waits until Slurm no longer knows it."""
        job = read_job(run.attempt)
        if job is None:
            return stop_processes(run, wait_s)
        cancel(job)
        await_end(run, wait_s, lambda: state_of(job) == "gone", f"its job is {job}", _POLL_S)
        ended = read_run(run.folder) or run
        if not ended.outcome:  # it was cancelled before it began: nobody else would write one
            note_end(run, "stopped", "the job was cancelled before it could say how it ended")
        return read_run(run.folder) or ended

    def begins_again(self) -> bool:
        """By what Slurm says of the job that this process is a part of."""
        return begins_again(ENVIRON)

    def last_error(self, attempt: Path) -> str | None:
        """In the newest log."""
        logs = self.log_files(attempt)
        newest = max(logs, key=lambda path: path.stat().st_mtime, default=None)
        return None if newest is None else error_log.last_error(newest, noise=_NOISE)


ENGINE = SlurmEngine()


def render_array(jobs: Sequence[Job]) -> str:
    """The text for sbatch.

    Raises:
        VlftError: If the jobs ask for different things, which an array can't.
    """
    first = jobs[0]
    for job in jobs[1:]:
        different = sorted(set(first.options) ^ set(job.options))
        if different:
            raise VlftError(
                f"the jobs of an array ask for the same: {first.folder.name} and "
                f"{job.folder.name} differ in {', '.join(different)}",
                "write the same in both, or submit them one by one",
            )
    own = (
        f"--array=0-{len(jobs) - 1}",
        f"--job-name=vlft-{len(jobs)}-runs",
        f"--output={file_pattern(str(first.attempt), 'array-%A_%a.out')}",
        "--open-mode=append",
    )
    lines = [
        "#!/bin/bash",
        *(directive(option) for option in (*own, *first.options)),
        "#",
        "# Made by vlft: each element of the array is one run, with a script of its own.",
        "runs=(",
        *(f"    {word(str(job.attempt))}" for job in jobs),
        ")",
        "run=${runs[SLURM_ARRAY_TASK_ID]}",
        f'exec bash "$run/{SCRIPT}" >> "$run/slurm-$SLURM_JOB_ID.out" 2>&1',
    ]
    return "".join(f"{line}\n" for line in lines)


def array_secrets(jobs: Sequence[Job]) -> dict[str, Secret]:
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


def _texts(jobs: Sequence[Job]) -> dict[Path, str]:
    """The scripts by their files; the last one is submitted.

    Raises:
        VlftError: If an option of sbatch can't be written, or the jobs are no array.
    """
    texts = {job.attempt / SCRIPT: render_script(job) for job in jobs}
    if len(jobs) > 1:
        texts[jobs[0].attempt / ARRAY] = render_array(jobs)
    return texts


def _submit(jobs: Sequence[Job], texts: Mapping[Path, str]) -> str:
    """Writes the scripts into the attempts' folders, which exist, and submits one job or array.

    Raises:
        VlftError: If sbatch refuses it, in its words; every attempt then has an outcome.
        OSError: If a folder can't be written.
    """
    for script, text in texts.items():
        write_text(script, text)
        script.chmod(0o700)
    try:
        submitted = sbatch(script, jobs[0].options, array_secrets(jobs))
    except VlftError as error:
        for job in jobs:
            write_outcome(job.attempt, Outcome(status="failed", reason=error.message))
        raise
    for index, job in enumerate(jobs):
        write_job(job.attempt, f"{submitted}_{index}" if len(jobs) > 1 else submitted)
    return submitted


def submitting_environment(
    caller: Environment, options: Sequence[str], secrets: Mapping[str, str | Secret]
) -> dict[str, str]:
    """What sbatch is started with, and the job after it.

    Args:
        caller: The environment of vlft.
        options: Those in the script; the caller's defaults count where they are silent.
        secrets: Variables that the job must have.
    """
    kept = {
        name
        for name, option in _WHERE_SILENT.items()
        if not any(given.startswith(option) for given in options)
    }
    unset = (name for name in caller if _LEFT_OUT.match(name) and name not in kept)
    return caller.for_process(secrets, tuple(unset))


def sbatch(script: Path, options: Sequence[str], secrets: Mapping[str, str | Secret]) -> str:
    """Submits a script; arguments as in `submitting_environment`.

    Raises:
        VlftError: If it is refused, or not answered.
    """
    environ = submitting_environment(ENVIRON, options, secrets)
    try:
        done = call("sbatch", "--parsable", str(script), seconds=_SECONDS, env=environ)
    except NoAnswerError as error:
        raise VlftError(
            f"{error.message}; it may have taken the job", "squeue --me shows whether it has"
        ) from None
    number = done.stdout.strip().partition(";")[0]
    if done.returncode != 0 or not number.isdecimal():
        raise VlftError(f"the cluster refused the job: {failure(done)}", f"the script: {script}")
    return number
