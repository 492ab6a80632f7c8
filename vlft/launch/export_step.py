"""One `swift export` into a folder beside its final name, checked, then renamed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.command import Command, render_flags
from vlft.errors import VlftError
from vlft.facts.swift import read_swift
from vlft.facts.swift_types import as_flags
from vlft.launch.hiding import to_process
from vlft.launch.training import conclude
from vlft.launch.watched import run_watched
from vlft.launch.workplace import free_name, workplace
from vlft.plan.environment import FOREIGN
from vlft.runs.exports import (
    ExportRecord,
    is_whole,
    mark_product,
    read_export,
    remove,
    write_export,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vlft.facts.interpreter import Interpreter
    from vlft.launch.process import Outcome
    from vlft.plan.arguments import Arguments

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
    code = conclude(outcome, work)
    if code:
        raise StoppedError(code)
