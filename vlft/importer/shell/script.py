"""A whole script → the commands it would start, each with its environment."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.commands import statements
from vlft.importer.shell.control import ControlFlow
from vlft.importer.shell.interpreter import Leave
from vlft.importer.shell.source import Source
from vlft.importer.shell.state import State, Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.importer.shell.commands import Invocation

_SBATCH: Final = re.compile(r"^#SBATCH[ \t]+(.+)$", re.MULTILINE)
_OPTION: Final = re.compile(r"(--[a-z-]+|-[A-Za-z])(?:=|[ \t]*)([^\s#]*)")
_SLURM: Final[dict[str, tuple[str, ...]]] = {
    "--nodes": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "-N": ("SLURM_NNODES", "SLURM_JOB_NUM_NODES"),
    "--ntasks-per-node": ("SLURM_NTASKS_PER_NODE",),
    "--cpus-per-task": ("SLURM_CPUS_PER_TASK",),
    "-c": ("SLURM_CPUS_PER_TASK",),
    "--gpus-per-node": ("SLURM_GPUS_PER_NODE", "SLURM_GPUS_ON_NODE"),
    "--gres": ("SLURM_GPUS_ON_NODE",),
}
_COUNT: Final = re.compile(r"(?:gpu:)?(?:[A-Za-z][\w.-]*:)?(\d{1,5})")


@dataclass(frozen=True)
class Script:
    """What became of a script.

    Attributes:
        invocations: Every command, in the order of the text.
        broken: Why the rest can't be read, and where that begins.
        notes: What a condition of the script was decided by, each with its place.
        unused: Commands that the script never comes to, each with the reason.
        heredocs: Begin and end of the texts of here-documents, which are not read.
    """

    invocations: tuple[Invocation, ...]
    broken: tuple[str, int] | None
    heredocs: tuple[tuple[int, int], ...]
    notes: tuple[tuple[int, str], ...] = ()
    unused: tuple[tuple[Invocation, str], ...] = ()


def read_script(
    text: str,
    name: str | None = None,
    given: Sequence[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> Script:
    """The commands of a script; nothing of it is run.

    Args:
        text: The script, with line feeds at the ends of lines.
        name: Its file; None if it has none.
        given: What it is called with: `$1` and on; None if that is not known.
        env: Variables that it is started with.
    """
    source = Source(text.encode())
    state = State(script=name)
    if given is not None:
        state.positional = tuple(map(Text, given))
    for key, (value, option) in _told_by_slurm(text).items():
        state.set(key, Text(value, None, (f"`{key}` is {value}: `{option}`",)))
    for key, value in (env or {}).items():
        state.set(key, Text(value))
        state.exported[key] = 0
    interpreter = ControlFlow(source, state)
    with contextlib.suppress(Leave):
        nodes = statements(source.root.children)
        interpreter.follow([node for node in nodes if not source.is_past(node)])
    used = {one.offset for one in interpreter.invocations}
    unused = {one.offset: (one, why) for one, why in interpreter.unused if one.offset not in used}
    return Script(
        tuple(interpreter.invocations),
        source.broken,
        tuple(source.heredocs),
        tuple(dict.fromkeys(interpreter.notes)),
        tuple(unused.values()),
    )


def _told_by_slurm(text: str) -> dict[str, tuple[str, str]]:
    """Variables that `#SBATCH` lines give the job, each with the option that says so.

    Only plain numbers are taken: `--nodes=2-4` leaves the number to Slurm.
    """
    made: dict[str, tuple[str, str]] = {}
    for line in _SBATCH.findall(text):
        found = _OPTION.match(line.strip())
        count = _COUNT.fullmatch(found[2]) if found is not None else None
        if found is None or count is None:
            continue
        for name in _SLURM.get(found[1], ()):
            made[name] = (count[1], f"#SBATCH {found[0].strip()}")
    return made
