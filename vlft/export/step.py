"""One `swift export` into a folder beside its final name, checked, then renamed."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.engines.local.run import run_watched
from vlft.engines.process import OUTCOME, exit_code_of, to_process
from vlft.errors import VlftError
from vlft.files import write_json
from vlft.plan.command import Command, render_flags
from vlft.plan.environment import FOREIGN
from vlft.runs.exports import (
    ExportRecord,
    is_whole,
    mark_product,
    read_export,
    remove,
    write_export,
)
from vlft.runs.record import utc_now
from vlft.swift.probe import read_swift
from vlft.swift.release import as_flags

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.probe.checkpoint import Checkpoint

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
            os.symlink(file.absolute(), folder / file.name)  # noqa: PTH211
    write_json(folder / "args.json", {**(adapter.args or {}), **dict.fromkeys(_KEYS)})
    return folder


_YOUNG_S = 10


def free_name(final: Path) -> Path:
    """The next name that nobody has taken: a folder that is not ours is left alone."""
    number = 2
    while (name := final.with_name(f"{final.name}-{number}")).exists():
        if read_export(name) is not None:
            return name
        number += 1
    return name


@contextmanager
def workplace(final: Path) -> Iterator[Path]:
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
    """Whether a living vlft works in a folder: the lock dies with its process."""
    try:
        with (work / "lock").open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return not (work / OUTCOME).exists() and _young(work)
    return False


def _young(work: Path) -> bool:
    """Whether a folder without a lock was made just now, by a vlft that is about to lock it."""
    try:
        return utc_now().timestamp() - work.stat().st_mtime < _YOUNG_S
    except OSError:
        return False


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vlft.engines.process import Outcome
    from vlft.swift.args import Arguments
    from vlft.swift.interpreter import Interpreter

    Check = Callable[[Path, Path], Mapping[str, Any] | None]
    """Made folder, work folder → what was found right; raises if something is wrong."""


@dataclass(frozen=True)
class Exported:
    """One folder of weights.

    Attributes:
        folder: Where it is.
        reused: Whether it was there already, made from the same weights.
        verified: What was found right when it was made; None if nothing could be compared.
    """

    folder: Path
    reused: bool
    verified: Mapping[str, Any] | None


class StoppedError(Exception):
    """A signal ended an export."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


def export_command(
    interpreter: Interpreter, arguments: Arguments, env: Mapping[str, str], output: Path
) -> Command:
    """The process that makes a folder.

    Args:
        interpreter: The Python that exports.
        arguments: Of `swift export`; those that this ms-swift does not have are left out.
        env: Variables of the training run.
        output: Folder to make.
    """
    legal = read_swift(interpreter).arguments["export"]
    wanted = arguments | {"output_dir": (str(output),)}
    known = {name: texts for name, texts in wanted.items() if name in legal}
    flags = render_flags(as_flags(known, legal))
    script = str(Path(interpreter.swift_dir or "", "cli", "export.py"))
    unset = tuple(name for name in FOREIGN if name not in env)
    return Command((interpreter.python, script, *flags), dict(env), unset)


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
        final = free_name(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    with workplace(final) as work:
        made = work / "weights"
        command = command_for(made, work)
        process = to_process(command)
        try:
            _finish(run_watched(process, work), work)
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


def _finish(outcome: Outcome, work: Path) -> None:
    code = exit_code_of(outcome, work)
    if code:
        raise StoppedError(code)
