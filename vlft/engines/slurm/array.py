"""Several jobs as one array: a script that hands each element over to its run's own. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vlft.engines.slurm.job import SCRIPT
from vlft.engines.slurm.quoting import directive, file_pattern, word
from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vlft.engines.slurm.job import PlannedJob
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
