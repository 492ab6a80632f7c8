"""One `swift export` into a folder beside its final name, checked, then renamed."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import subprocess
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from vlft.engines.local.run import run_command
from vlft.engines.process import OUTCOME
from vlft.environment import ENVIRON
from vlft.errors import StoppedError, TrainerError, VlftError
from vlft.files import write_json
from vlft.runs.exports import (
    ExportRecord,
    is_whole,
    mark_product,
    read_export,
    remove,
    write_export,
)
from vlft.runs.record import utc_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from vlft.plan import Command
    from vlft.probe.checkpoint import Checkpoint
    from vlft.swift.interpreter import Interpreter

    Check = Callable[[Path, Path], Mapping[str, Any] | None]
    """Made folder, work folder → what was found right; raises if something is wrong."""

_LOG = logging.getLogger(__name__)
_WORKERS = Path(__file__).parents[1] / "trainer_side"
_KEYS = ("quant_method", "quant_bits")


def trained_quantized(adapter: Checkpoint) -> bool:
    """Whether args.json says that the base was quantised in training."""
    saved = adapter.args or {}
    return any(saved.get(key) is not None for key in _KEYS)


def without_quantization(adapter: Checkpoint, work: Path) -> Path:
    """A folder with the adapter's files, and an args.json that says nothing of a quantisation.

    Merged weights get that args.json as well: with the old one, ms-swift would quantise them
    each time it loads them.

    Args:
        adapter: The adapter.
        work: Folder to put it in.

    Returns:
        The adapter's own folder, if there is nothing to leave out.

    Raises:
        OSError: If it can't be written.
    """
    if not trained_quantized(adapter):
        return Path(adapter.path)
    folder = work / "adapter" / Path(adapter.path).name
    folder.mkdir(parents=True)
    for file in Path(adapter.path).iterdir():
        if file.name != "args.json":
            (folder / file.name).symlink_to(file.absolute())
    write_json(folder / "args.json", {**(adapter.args or {}), **dict.fromkeys(_KEYS)})
    return folder


class Exported(Struct, frozen=True):
    """One folder of weights.

    Attributes:
        folder: Where it is.
        reused: Whether it was there already, made from the same weights.
        verified: What was found right when it was made; None if nothing could be compared.
    """

    folder: Path
    reused: bool
    verified: Mapping[str, Any] | None


def run_tool(command: Command, folder: Path) -> None:
    """Runs one of ms-swift's programs to its end.

    Args:
        command: The process.
        folder: An existing folder for its logs.

    Raises:
        TrainerError: If it failed.
        StoppedError: A signal ended it.
    """
    _LOG.debug("starting %s", command.shell_line(ENVIRON))
    code = run_command(command, folder)
    if code:
        raise StoppedError(code)


def run_worker(interpreter: Interpreter, program: str, *words: str, stdin: str = "") -> str:
    """What one of the programs in vlft/trainer_side prints; it sees no GPU.

    Args:
        interpreter: The Python that has what it needs.
        program: Its file.
        words: Its arguments.
        stdin: What it reads.

    Raises:
        TrainerError: If it fails; with its last line of errors.
    """
    done = subprocess.run(
        [interpreter.python, str(_WORKERS / program), *words],
        capture_output=True,
        text=True,
        check=False,
        input=stdin,
        env=ENVIRON.for_process({"CUDA_VISIBLE_DEVICES": ""}),
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise TrainerError(lines[-1])
    return done.stdout


def run_step(
    command_for: Callable[[Path, Path], Command],
    record: ExportRecord,
    final: Path,
    *,
    explicit: bool,
    check: Check,
) -> Exported:
    """Makes a folder of weights, or takes the one that is there and was made of the same.

    Args:
        command_for: Output folder, work folder → the process.
        record: What it is made of.
        final: Its name.
        explicit: Whether the user gave the name: then another folder of that name is an error.
        check: Looks at what was made, before it gets its name.

    Raises:
        VlftError: If the name is taken by something else.
        TrainerError: If ms-swift failed or made something wrong; nothing is left then.
        StoppedError: A signal ended it.
    """
    present = read_export(final)
    if present is not None and present.same_weights(record) and is_whole(final, present):
        return Exported(final, reused=True, verified=present.verified)
    if final.exists() and present is None:
        if explicit:
            raise VlftError(f"{final} exists, and vlft did not make it", "name another --output")
        final = _free_name(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    with _work_folder(final) as work:
        made = work / "weights"
        command = command_for(made, work)
        try:
            run_tool(command, work)
            verified = check(made, work)
            write_export(made, replace(record, verified=verified, product=mark_product(made)))
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)  # the log stays until the next try
            raise
        if final.exists():
            remove(final)
        made.replace(final)
        shutil.rmtree(work, ignore_errors=True)
    return Exported(final, reused=False, verified=verified)


def _free_name(final: Path) -> Path:
    """The next name that nobody has taken: a folder that is not ours is left alone."""
    names = (final.with_name(f"{final.name}-{number}") for number in count(2))
    return next(name for name in names if not name.exists() or read_export(name) is not None)


_YOUNG_S = 10


@contextmanager
def _work_folder(final: Path) -> Iterator[Path]:
    """A folder of this process beside `final`; those of dead processes are cleared away."""
    for left in final.parent.glob(f".{final.name}.partial-*"):
        if not _held(left):
            shutil.rmtree(left, ignore_errors=True)
    work = final.with_name(f".{final.name}.partial-{os.getpid()}")
    work.mkdir()
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield work


def _held(work: Path) -> bool:
    """Whether a living vlft works in a folder: the lock dies with its process.

    A folder without a lock may have been made just now, by a vlft that is about to lock it.
    """
    try:
        with (work / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        with suppress(OSError):
            age = utc_now().timestamp() - work.stat().st_mtime
            return age < _YOUNG_S and not (work / OUTCOME).exists()
    return False
