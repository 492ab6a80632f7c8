"""A whole script → the commands it would start, each with its environment."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vlft.importer.shell.brackets import BrokenShellError
from vlft.importer.shell.functions import part_functions
from vlft.importer.shell.interpreter import Interpreter
from vlft.importer.shell.invocation import Script
from vlft.importer.shell.leaving import Leave
from vlft.importer.shell.sbatch import told_by_slurm
from vlft.importer.shell.state import State
from vlft.importer.shell.statements import Reader
from vlft.importer.shell.texts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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
    reader = Reader(text)
    broken: tuple[str, int] | None = None
    try:
        reader.read()
    except BrokenShellError as error:
        broken = (error.message, error.offset)
    plain, bodies = part_functions(reader.made.statements, reader.made.functions)
    state = State()
    state.variables.script = name
    if given is not None:
        state.variables.positional = tuple(map(Text, given))
    for key, (value, option) in told_by_slurm(text).items():
        state.variables.set(key, (Text(value, None, (f"`{key}` is {value}: `{option}`",)),))
    for key, value in (env or {}).items():
        state.variables.set(key, (Text(value),))
        state.exported[key] = 0
    interpreter = Interpreter(state, bodies, reader.made.cases)
    with contextlib.suppress(Leave):
        interpreter.follow(plain)
    used = {one.offset for one in interpreter.invocations}
    unused = {one.offset: (one, why) for one, why in interpreter.unused if one.offset not in used}
    return Script(
        tuple(interpreter.invocations),
        broken,
        tuple(reader.heredocs),
        tuple(dict.fromkeys(interpreter.notes)),
        tuple(unused.values()),
    )
