"""Slurm as vlft asks it: what it says of a job before its submission, and what became of it.

An attempt that is a job of Slurm has these files:

    job.json           which job; written after the submission, or by the job itself
    job.sbatch         the script
    slurm-JOB.out      what the job said
    outcome.json       how it ended, written by the job at its end

A job that Slurm no longer knows and that left no outcome was killed.
"""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from vlft.config.source import absolute
from vlft.engines.slurm.section import slurm_of
from vlft.errors import VlftError
from vlft.files import read_json, write_json
from vlft.resolve.world import resolve_world
from vlft.runs.attempts import JOB

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vlft.config.reader import LoadedConfig
    from vlft.engines.traits import State
    from vlft.environment import Environment

_PREFIX: Final = re.compile(r"^(?:[a-z]+: )?(?:error: |fatal: |allocation failure: )*")


class UnavailableError(VlftError):
    """One of Slurm's commands can't be run, or has not answered."""


class NoAnswerError(UnavailableError):
    """It was run, and has not ended in time."""


def require(program: str, path: str | None = None) -> str:
    """The path of one of Slurm's commands.

    Args:
        program: Its name.
        path: A PATH to look in; the caller's if absent.

    Raises:
        UnavailableError: If it is not there.
    """
    found = shutil.which(program, path=path)
    if found is None:
        raise UnavailableError(
            f"{program} is not on PATH: run this where Slurm's commands are",
            "log in to the cluster; without one, write `launch: {engine: local}`",
        )
    return found


def call(
    program: str, *words: str, seconds: float, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs one of Slurm's commands, whatever its exit code.

    Args:
        program: Its name.
        words: Its arguments.
        seconds: How long to wait for its end.
        env: Its environment, whose PATH it is looked up in too; the caller's if absent.

    Raises:
        UnavailableError: If it can't be run.
        NoAnswerError: If it has not ended in time.
    """
    path = None if env is None else env.get("PATH", "")
    command = [require(program, path), *words]
    try:
        return subprocess.run(
            command,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except OSError as error:
        raise UnavailableError(f"{program} can't be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NoAnswerError(f"{program} has not answered within {seconds:g} s") from None


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """What a command said that failed, in one line, without its own name in front."""
    lines = [_PREFIX.sub("", line.strip()).strip() for line in done.stderr.splitlines()]
    return "; ".join(dict.fromkeys(line for line in lines if line))


# What is said where there is no cluster to ask, or none that answers.
_NO_CLUSTER: Final = re.compile(
    r"configuration source|fetch_config|Unable to contact|Unable to establish|timed out"
    r"|Connection refused|unable to resolve|slurm.conf",
    re.IGNORECASE,
)


class SlurmFacts(Struct, frozen=True):
    """What could be found out about a job.

    Attributes:
        refusal: Why the cluster would not take it, in sbatch's words; None if it would, or
            could not be asked.
        env_file: Absolute path of `slurm.env_file`; None without one.
        env_file_problem: Why it can't be used, as a clause; None if it can.
    """

    refusal: str | None
    env_file: Path | None
    env_file_problem: str | None


def read_slurm(
    loaded: LoadedConfig, visible: tuple[str, ...] | None, environ: Environment
) -> SlurmFacts:
    """Asks the cluster and looks at the file; submits nothing.

    Args:
        loaded: One whose engine is slurm.
        visible: Ids of the visible GPUs; None if the machine is not to be judged.
        environ: The caller's environment: PATH and where Slurm's own settings are.
    """
    section = slurm_of(loaded.config)
    name = section.env_file
    file = absolute(name, loaded.source.base_dir(("slurm", "env_file"))) if name else None
    options = section.options(resolve_world(loaded.config.launch, visible, environ))
    problem = None if file is None else _env_file_problem(file)
    return SlurmFacts(_refusal(options, environ), file, problem)


def _refusal(options: Sequence[str], environ: Environment) -> str | None:
    if any("\0" in option for option in options):
        return None
    words = ("--test-only", "--output=/dev/null", *options, "--wrap=true")
    try:
        done = call("sbatch", *words, seconds=_SHORT_SECONDS, env=environ.for_process())
    except UnavailableError:
        return None
    if done.returncode == 0 or _NO_CLUSTER.search(done.stderr):
        return None
    return failure(done) or None


def _env_file_problem(file: Path) -> str | None:
    try:
        mode = file.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"can't be read: {reason.lower()}"
    if not stat.S_ISREG(mode):
        return "is no file"
    if mode & 0o077:
        return f"may be read by others than its owner (mode {stat.S_IMODE(mode):o})"
    return None


_SECONDS: Final = 60
_SHORT_SECONDS: Final = 20
_ID: Final = re.compile(r"[0-9]+(_[0-9]+)?")
_WAITING: Final = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"})


def read_job(attempt: Path) -> str | None:
    """The job of an attempt, `123` or `123_0`; None if it is none, or not submitted yet."""
    number = (read_json(attempt / JOB) or {}).get("job")
    return number if isinstance(number, str) and _ID.fullmatch(number) else None


def write_job(attempt: Path, job: str) -> None:
    """Notes which job an attempt is.

    Raises:
        OSError: If it can't be written.
    """
    write_json(attempt / JOB, {"version": 1, "engine": "slurm", "job": job})


def state_of(job: str) -> State:
    """What Slurm says of a job; `running` where it can't be asked."""
    try:
        done = call("squeue", "--noheader", "--format=%T", f"--jobs={job}", seconds=_SECONDS)
    except UnavailableError:
        return "running"
    if done.returncode != 0:
        # Any other failure says nothing of the job: the controller may be restarting.
        return "gone" if "Invalid job id" in done.stderr else "running"
    states = set(done.stdout.split())
    if not states:
        return "gone"
    return "starting" if states <= _WAITING else "running"


def cancel(job: str) -> None:
    """Asks Slurm to end a job.

    Raises:
        VlftError: If it refuses, in its words, or can't be asked.
    """
    done = call("scancel", job, seconds=_SECONDS)
    if done.returncode != 0 and "Invalid job id" not in done.stderr:
        raise VlftError(f"scancel {job}: {failure(done)}")


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
        shown = call("scontrol", "show", "job", number, seconds=_SHORT_SECONDS)
    except UnavailableError:
        return False
    fields = dict(field.partition("=")[::2] for field in shown.stdout.split())
    if fields.get("Requeue") != "1":
        return False
    before = int(job.get("SLURM_RESTART_COUNT", "0"))
    restarted = int(fields.get("Restarts", "0")) > before
    return restarted or fields.get("PreemptTime", "None") not in ("None", "Unknown")
