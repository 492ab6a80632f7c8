"""Slurm's own commands: how one is run, and what it says when it fails."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Final

from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Mapping

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
