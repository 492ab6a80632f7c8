"""What the cluster says of a job before it is submitted, and the file with its secrets."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vlft.config.references import absolute
from vlft.engines.slurm.commands import UnavailableError, call, failure
from vlft.engines.slurm.options import sbatch_options
from vlft.engines.slurm.section import slurm_of
from vlft.resolve.world import resolve_world

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vlft.config.reader import LoadedConfig
    from vlft.environment import Environment

_SECONDS: Final = 20
# What is said where there is no cluster to ask, or none that answers.
_NO_CLUSTER: Final = re.compile(
    r"configuration source|fetch_config|Unable to contact|Unable to establish|timed out"
    r"|Connection refused|unable to resolve|slurm.conf",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class SlurmFacts:
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
    options = sbatch_options(section, resolve_world(loaded.config.launch, visible, environ))
    problem = None if file is None else _env_file_problem(file)
    return SlurmFacts(_refusal(options, environ), file, problem)


def _refusal(options: Sequence[str], environ: Environment) -> str | None:
    if any("\0" in option for option in options):
        return None
    words = ("--test-only", "--output=/dev/null", *options, "--wrap=true")
    try:
        done = call("sbatch", *words, seconds=_SECONDS, env=environ.for_process())
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
