"""A command that a script would start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.importer.shell.syntax import Block, Statement
    from vlft.importer.shell.texts import Field, Text


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable in a command's environment.

    Attributes:
        value: Its text.
        offset: Where it is set.
    """

    value: Text
    offset: int


@dataclass
class Invocation:
    """A command that the script would start.

    Attributes:
        offset: Where it begins.
        fields: Its words after expansion.
        env: What is exported or stands before it.
        blocks: The control flow that decides whether it runs.
        cuts: Offsets of backslashes with blanks after them.
        mended: Offsets of lines that bash takes for commands of their own: their first word
            begins with two dashes, so they belong to this one.
        glued: Offsets of backslashes that make one word of two for bash.
        passes: Loops that it stands in, as far as they are followed: variable and value.
        aside: Variables of the shell that no command sees, for nothing exports them.
        folder: What `cd` has changed to; None if nothing has.
    """

    offset: int
    fields: list[Field]
    env: dict[str, Variable]
    blocks: tuple[Block, ...] = ()
    cuts: list[int] = field(default_factory=list)
    mended: list[int] = field(default_factory=list)
    folder: Text | None = None
    aside: dict[str, Variable] = field(default_factory=dict)
    glued: list[int] = field(default_factory=list)
    passes: tuple[tuple[str, str], ...] = ()

    def take_in(self, statement: Statement, fields: list[Field]) -> None:
        """Takes a line that begins with a flag for the end of this command."""
        self.fields += fields
        self.mended.append(statement.offset)
        self.cuts += statement.cuts
        self.glued += statement.glued


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
