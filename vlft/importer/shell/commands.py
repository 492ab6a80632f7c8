"""Nodes of a tree as commands: what joins them, and the words of each."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from vlft.importer.shell.builtins import Assignment, read_assignment
from vlft.importer.shell.source import MAX_COMMANDS, MAX_DEPTH, MAX_WORDS, Source
from vlft.importer.shell.words import Part, Word, read_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tree_sitter import Node

    from vlft.importer.shell.state import Field, Text, Variable

BlockKind = Literal["if", "for", "while", "until", "case", "function", "branch"]
"""branch: a group that runs if the command before it did, or did not: `test || { … }`."""

BLOCKS: Final[dict[str, BlockKind]] = {
    "if_statement": "if", "for_statement": "for", "c_style_for_statement": "for",
    "while_statement": "while", "case_statement": "case", "function_definition": "function",
    "compound_statement": "branch", "subshell": "branch",
}  # fmt: skip
_SIMPLE: Final = (
    "command", "declaration_command", "unset_command", "test_command", "variable_assignment",
    "variable_assignments",
)  # fmt: skip
_CHAINS: Final = ("list", "pipeline", "negated_command", "redirected_statement")
STATEMENTS: Final = frozenset({*BLOCKS, *_SIMPLE, *_CHAINS, "ERROR"})
_INNER: Final = frozenset({
    *STATEMENTS, "program", "do_group", "elif_clause", "else_clause", "case_item",
})  # fmt: skip
_MARK: Final = re.compile(r"swift|megatron|\b(?:llm_)?(?:sft|pt|rlhf|export|infer)\.py")
_SILENT: Final = ("echo", "printf", "cat", "mkdir", "cd", "source", "exit", "local")


_REMEMBERED: Final = 4096
"""Commands that are kept as read, for loops that go through them again."""


@dataclass(frozen=True, slots=True)
class Block:
    """Control flow around a command, which decides whether it runs.

    Attributes:
        kind: Of what.
        offset: Where it begins.
    """

    kind: BlockKind
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


@dataclass(frozen=True, slots=True)
class Step:
    """A command or a block of a line.

    Attributes:
        source: Where it stands.
        node: What it is.
        joined: The operator between it and what stands before it; empty if there is none.
        negated: Whether `!` stands before it.
        redirects: What its input and output are connected with.
        children: Of the node, those that belong to it: a line of assignments swallows the next.
    """

    source: Source
    node: Node
    joined: str = ""
    negated: bool = False
    redirects: tuple[Node, ...] = ()
    children: tuple[Node, ...] = ()

    @property
    def offset(self) -> int:
        """Where it begins."""
        return (self.children or (self.node,))[0].start_byte

    @property
    def is_chained(self) -> bool:
        """Whether it depends on what stands before it."""
        return self.joined in ("&&", "||")


def statements(nodes: Iterable[Node]) -> list[Node]:
    """The statements among nodes."""
    return [node for node in nodes if node.type in STATEMENTS]


@lru_cache(_REMEMBERED)
def steps(source: Source, node: Node) -> list[Step]:
    """What a statement consists of, in the order of the text: `a && b | c > d`."""
    made: list[Step] = []
    waiting = [Step(source, node)]
    while waiting:
        step = waiting.pop()
        kind, children = step.node.type, step.node.children
        if kind in ("list", "pipeline"):
            joined = step.joined
            inner: list[Step] = []
            for child in children:
                if child.type in STATEMENTS:
                    inner.append(Step(source, child, joined, negated=step.negated))
                    joined = ""
                elif child.type in ("&&", "||", "|", "|&"):
                    joined = child.type
            if inner:
                last = inner[-1]
                inner[-1] = Step(source, last.node, last.joined, last.negated, step.redirects)
            waiting += reversed(inner)
        elif kind == "negated_command":
            inside = statements(children)[:1]
            waiting += [
                Step(source, one, step.joined, not step.negated, step.redirects) for one in inside
            ]
        elif kind == "redirected_statement":
            redirects = (*step.node.children_by_field_name("redirect"), *step.redirects)
            waiting += [
                Step(source, one, step.joined, step.negated, redirects)
                for one in step.node.children_by_field_name("body")
            ]
        elif kind == "command":
            made += _lines(step)
        else:
            made.append(step)
    return made


def _lines(step: Step) -> Iterator[Step]:
    """The commands of a node that runs over the end of a line: the grammar's mistake."""
    edited = step.source.edited
    lines: list[list[Node]] = [[]]
    for node in step.node.children:
        gap = edited[lines[-1][-1].end_byte : node.start_byte] if lines[-1] else b""
        if b"\n" in gap.replace(b"\\\n", b""):
            lines.append([])
        lines[-1].append(node)
    for index, children in enumerate(lines):
        joined, negated = (step.joined, step.negated) if index == 0 else ("", False)
        redirects = step.redirects if index == len(lines) - 1 else ()
        yield replace(
            step, joined=joined, negated=negated, redirects=redirects, children=tuple(children)
        )


@dataclass(frozen=True)
class Command:
    """A simple command.

    Attributes:
        assignments: Before its first word, or of `export` and its like.
        words: The command and its arguments.
        here: The word behind `<<<`.
    """

    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    here: Word | None


@lru_cache(_REMEMBERED)
def read_command(step: Step) -> Command:
    """The words of a command."""
    source = step.source
    assignments: list[Assignment] = []
    nodes: list[Node] = []
    here: Word | None = None
    waiting = [*reversed(step.redirects), *reversed(step.children or step.node.children)]
    if step.node.type == "variable_assignment":
        waiting = [step.node]
    while waiting:
        node = waiting.pop()
        if node.type == "variable_assignment":
            assignments.append(read_assignment(source, node))
        elif node.type == "file_redirect":
            # What stands behind a target is the command's own: `> log --flag`. So is what
            # stands in the next line: `<PATH> \\`, which is to be filled in.
            targets = node.children_by_field_name("destination")
            head = source.edited[node.start_byte : targets[0].start_byte] if targets else b""
            waiting += reversed(targets[b"\n" not in head :])
        elif node.type == "herestring_redirect":
            here = read_words(source, node.children[1:2])[0] if node.child_count > 1 else None
        elif node.type == "ERROR" and node.children:
            waiting += reversed(node.children)
        elif node.type not in ("comment", "ERROR", "\n", ";"):
            nodes.append(node)
    return Command(tuple(assignments), tuple(read_words(source, nodes)), here)


def inner_commands(node: Node) -> Iterator[Node]:
    """The simple commands in a statement, those in blocks among them."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if one.type in _INNER or one is node:
            waiting += reversed(one.children)
        if one.type in ("command", "declaration_command"):
            yield one


def starts(source: Source, node: Node, functions: Collection[str]) -> bool:
    """Whether a statement names ms-swift, or calls something that may."""
    return any(_starts(source, one, functions) for one in inner_commands(node))


def _starts(source: Source, node: Node, functions: Collection[str]) -> bool:
    words = read_command(Step(source, node)).words
    first = words[0] if words else None
    if first is None or first.bare in _SILENT:
        return False
    if first.bare in functions or any(_is_variable(part) for part in first.parts):
        return True
    if first.bare == "eval":
        return any(_is_variable(part) for word in words for part in word.parts)
    return any(_MARK.search(word.raw) for word in words)


def _is_variable(part: Part) -> bool:
    return part.node is not None and part.node.type in ("simple_expansion", "expansion")


def fails(
    source: Source, node: Node, functions: dict[str, list[tuple[Source, Node]]] | None
) -> bool:
    """Whether a statement ends a script with an error, by itself or in a function it calls."""
    for one in inner_commands(node):
        words = [word.bare or "" for word in read_command(Step(source, one)).words[:2]]
        if words and words[0] in ("exit", "return") and is_error(words):
            return functions is not None or words[0] == "exit"
        bodies = (functions or {}).get(words[0], []) if words else []
        if any(fails(inside, body, None) for inside, body in bodies):
            return True
    return False


def is_error(words: Sequence[str]) -> bool:
    """Whether `exit` or `return` says that something went wrong."""
    return len(words) > 1 and words[1] != "0"


def survey(source: Source) -> dict[str, list[tuple[Source, Node]]]:
    """The functions that a script defines and calls; sets what is beyond all measure.

    A function that nothing calls is left out: its commands are read where it stands, and their
    surroundings say that they may never run.
    """
    defined: dict[str, list[tuple[Source, Node]]] = {}
    called: set[str] = set()
    count = 0
    waiting: list[tuple[Node, tuple[str, ...], int]] = [(source.root, (), 0)]
    while waiting:
        node, around, depth = waiting.pop()
        if node.type in ("command", "test_command", "variable_assignment"):
            count += 1
            name = node.child_by_field_name("name")
            text = source.raw(name) if name is not None else ""
            if text not in around:
                called.add(text)
        body = node.child_by_field_name("body") if node.type == "function_definition" else None
        name = node.child_by_field_name("name")
        if body is not None and name is not None:
            around = (*around, source.raw(name))
            defined.setdefault(around[-1], []).append((source, body))
        depth += node.type in BLOCKS
        if depth > MAX_DEPTH and source.broken is None:
            source.end(f"more than {MAX_DEPTH} blocks inside each other", node.start_byte)
        elif count > MAX_COMMANDS:
            source.end(f"more than {MAX_COMMANDS:,} commands", node.start_byte)
            break
        elif node.child_count > MAX_WORDS:
            source.end(f"more than {MAX_WORDS:,} words in a command", node.start_byte)
        elif depth <= MAX_DEPTH and node.type in _INNER:
            waiting += [(one, around, depth) for one in reversed(node.children) if one.is_named]
    return {name: bodies for name, bodies in defined.items() if name in called}
