"""What is started, how it ended, and how both are written into the run folder."""

from __future__ import annotations

import json
import shutil
import signal
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct, field, to_builtins
from msgspec.structs import replace

import vlft
from vlft.environment import ENVIRON
from vlft.files import read_from, read_json, write_json
from vlft.output import console
from vlft.runs.attempts import ROOM
from vlft.security.secrets import Variable, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from vlft.plan import Command

Status = Literal["finished", "failed", "stopped", "killed"]

# Files of a run folder.
OUTCOME = "outcome.json"
STDOUT = "stdout.log"
STDERR = "stderr.log"

_FULL_BYTES = 1 << 20
_LAST_KEYS = ("train_runtime", "last_model_checkpoint")  # of the last two lines of logging.jsonl
KILL_GUESS = ", which is often the kernel's answer to memory running out"


class Process(Struct, frozen=True):
    """A program to start.

    Attributes:
        argv: Program and arguments; no shell reads them.
        env: The whole environment of the program: nothing is added to it.
        cwd: Absolute working directory.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str


PROGRAM: Final = Path(vlft.__file__).parent / "trainer_side" / "hidden_arguments.py"
HIDDEN: Final = "VLFT_HIDDEN"
"""Variable with the names of those that stand for words: see PROGRAM."""


def to_process(command: Command) -> Process:
    """The process of a command, as it is started here; `ps` shows no secret of it."""
    words = [word for word in command.argv if isinstance(word, Variable)]
    names = [word.name for word in words if word.secret is not None]
    added = {**command.env, **command.secrets}
    if names:
        added[HIDDEN] = " ".join(names)
    argv = tuple(map(str, hidden_words(command.argv, names)))
    return Process(argv, ENVIRON.for_process(added, command.unset), str(Path.cwd()))


def hidden_words(words: Sequence[Word], names: Sequence[str]) -> tuple[Word, ...]:
    """Words of a program of ms-swift in which a secret stands by the name of its variable.

    Args:
        words: A Python, perhaps torchrun and its flags, the script, and what that is given.
        names: The variables that hold secrets; others stay what they are.
    """
    shown: list[Word] = []
    for word in words:
        if isinstance(word, Variable) and word.name in names:
            shown.append(f"{word.prefix}{{{word.name}}}")
            continue
        if names and isinstance(word, str) and _is_program(word):
            shown.append(str(PROGRAM))
        shown.append(word)
    return tuple(shown)


def _is_program(word: str) -> bool:
    path = Path(word)
    return path.suffix == ".py" and path.parts[-3:-1] == ("swift", "cli")


def utc_now() -> str:
    """The time as ISO 8601 in UTC, to the second: 2026-01-31T12:00:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Outcome(Struct, frozen=True, kw_only=True):
    """How a run ended.

    Attributes:
        status: finished = exit code 0, or the training was over before a process died on its way
            out; failed = the trainer ended by itself in another way, or
            could not be started; stopped = a signal asked for it; killed = vlft or its supervisor
            was killed, and the rest was ended for that reason.
        exit_code: Of the trainer; None if a signal ended it or nobody was left to see.
        signal: Name of the signal that ended the trainer, such as SIGKILL; None otherwise.
        reason: One sentence.
        error: The trainer's last error, for a failed run; None if it has not said any.
        ended: ISO 8601, UTC, ending in Z.
        stopped_by: Number of the signal that asked for the end; None if none did. Set whatever
            the status is: a signal can arrive just as the trainer finishes.
    """

    status: Status
    exit_code: int | None = None
    signal: str | None = None
    reason: str
    error: str | None = None
    ended: str = field(default_factory=utc_now)
    stopped_by: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The outcome as the object in outcome.json."""
        outcome: dict[str, Any] = to_builtins(self)
        return outcome


def conclude(
    code: int | None,
    *,
    stop: str | None,
    orphaned: bool,
    last_error: Callable[[], str | None] = lambda: None,
) -> Outcome:
    """The outcome of a trainer of which nothing is left.

    Args:
        code: Exit code as in subprocess, -9 for SIGKILL; None if nobody saw it.
        stop: Name of the signal for which the trainer was ended; None if there was none.
        orphaned: Whether the trainer was ended because vlft had been killed.
        last_error: Reads the trainer's last error; called only for a failed run.
    """
    signal_name = None if code is None or code >= 0 else _signal_name(-code)
    status: Status
    if stop is not None:
        status, reason = "stopped", f"stopped by {stop}"
    elif orphaned:
        status, reason = "killed", "vlft was killed, so the trainer was ended"
    elif code == 0:
        status, reason = "finished", "the trainer finished"
    elif signal_name is None:
        status, reason = "failed", f"the trainer ended with exit code {code}"
    else:
        status, reason = "failed", f"the trainer was ended by {signal_name}"
        reason += KILL_GUESS if signal_name == "SIGKILL" else ""
    return Outcome(
        status=status,
        exit_code=None if signal_name else code,
        signal=signal_name,
        reason=reason,
        error=last_error() if status == "failed" else None,
        stopped_by=None if stop is None else int(signal.Signals[stop]),
    )


def forgiven(outcome: Outcome, log: Path, since: int) -> Outcome:
    """The outcome of a trainer, which is that of its training if that was over.

    A process can die on its way out, when the interpreter is taken down around threads of torch
    that still run: seen as a SIGABRT of one rank of two after the last step. torchrun then ends
    with 1, though everything has been saved. ms-swift 4.6 tells in logging.jsonl how far it had
    come (pipelines/train/sft.py): a line with `train_runtime` where all steps and saves were done,
    and as the very last thing, after a push to a hub, one with `last_model_checkpoint`. An
    exception writes the second line without the first.

    Args:
        outcome: As the exit code tells it.
        log: logging.jsonl, which may not be there.
        since: Bytes of it that are from earlier attempts.
    """
    if outcome.status != "failed":
        return outcome
    try:
        entries = [json.loads(line) for line in read_from(log, since).splitlines()[-2:]]
        over = [key in entry for key, entry in zip(_LAST_KEYS, entries, strict=True)]
    except (ValueError, TypeError):  # no log, or not of two such lines
        return outcome
    if not all(over):
        return outcome
    reason = f"the training was over and saved, and then {outcome.reason}"
    return replace(outcome, status="finished", reason=reason)


def told_of_the_disk(outcome: Outcome, run_dir: Path) -> Outcome:
    """The same, with a word on a full disk: the log that lies on it can't tell."""
    with suppress(OSError):
        if outcome.status == "failed" and shutil.disk_usage(run_dir).free < _FULL_BYTES:
            return replace(outcome, reason=f"{outcome.reason}, and the disk is full")
    return outcome


def not_started(error: Exception) -> Outcome:
    """The outcome of a trainer that could not be started."""
    what = str(error)
    if isinstance(error, OSError) and error.strerror and error.filename:
        what = f"{error.strerror}: {error.filename}"
    return Outcome(status="failed", reason=f"the trainer could not be started: {what}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"


def write_outcome(run_dir: Path, outcome: Outcome) -> None:
    """Writes outcome.json, unless the run has one: the first outcome is the true one.

    Raises:
        OSError: It could not be written.
    """
    path = run_dir / OUTCOME
    with suppress(OSError):
        (run_dir / ROOM).unlink(missing_ok=True)
    if not path.exists():
        write_json(path, outcome.to_json())


@contextmanager
def complaining(file: str) -> Iterator[None]:
    """Tells the user that a file of the record can't be written; the run does not end for it."""
    try:
        yield
    except OSError as error:
        with suppress(OSError):
            console.error(f"{file} could not be written: {error}")


def read_outcome(run_dir: Path) -> Outcome | None:
    """The outcome in a run folder; None if it has none that can be read."""
    try:
        return Outcome(**(read_json(run_dir / OUTCOME) or {}))
    except TypeError:
        return None
