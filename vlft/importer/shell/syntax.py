"""Simple commands, and the control flow that they stand in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vlft.importer.shell.words import Word

BlockKind = Literal["if", "for", "while", "until", "case", "function", "group", "branch"]
"""branch: a group that runs if the command before it did, or did not: `test || { … }`."""


@dataclass(frozen=True, slots=True)
class Block:
    """Control flow around a command.

    Attributes:
        kind: Of what.
        offset: Where it begins; tells one from another.
        arm: Which of its branches, from 1; 0 for what is run in any case.
        otherwise: Whether it is the branch of `else`.
    """

    kind: BlockKind
    offset: int
    arm: int = 0
    otherwise: bool = False


@dataclass
class Case:
    """The head of a `case`.

    Attributes:
        subject: What is compared.
        patterns: Of each branch, in order.
        falls: Whether one branch may run into the next.
    """

    subject: Word
    patterns: list[list[Word]] = field(default_factory=list)
    falls: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """`NAME=word`, or `NAME=(words)`.

    Attributes:
        name: The variable.
        words: One word, or the items of an array.
        array: Whether it is one, or one item of one.
        append: Whether it is `+=`.
        index: Of the one item; None for all of it.
    """

    name: str
    words: tuple[Word, ...]
    array: bool
    append: bool
    index: str | None = None


@dataclass
class Statement:
    """One simple command.

    Attributes:
        offset: Where it begins.
        blocks: Control flow around it, the outermost first.
        assignments: Before its first word, or of `export` and its like.
        words: The command and its arguments.
        cuts: Offsets of backslashes with blanks after them inside of it.
        glued: Offsets of backslashes that make one word of two: a value and the next flag.
        negated: Whether `!` stands before it.
        joined: The operator between it and the command before it; empty for a new line.
        loop: `for NAME in …` itself: the name, with the items in `words`.
        clauses: `for ((start; test; step))`: the three.
        here: The word behind `<<<`.
    """

    offset: int
    blocks: tuple[Block, ...]
    assignments: list[Assignment] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    glued: list[int] = field(default_factory=list)
    negated: bool = False
    joined: str = ""
    loop: str | None = None
    clauses: tuple[str, str, str] | None = None
    here: Word | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing has been read yet."""
        return not self.assignments and not self.words
