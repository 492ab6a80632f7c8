"""A script as statements: control flow from tree-sitter's tree, the words read from the text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from vlft.importer.shell.source import Node, ParserError, Source
from vlft.importer.shell.words import MAX_DEPTH, Assignment, Word, read_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BlockKind = Literal["if", "for", "while", "until", "case", "function", "branch"]
"""branch: a group that runs if the command before it did, or did not: `test || { … }`."""

MAX_COMMANDS: Final = 5_000
"""Commands in a script; each stands for several steps where loops and functions repeat it."""

_MAX_NESTED: Final = 32
"""Texts inside of scripts that are parsed: each takes a process."""

_ASSIGNMENT: Final = re.compile(
    r"([A-Za-z_]\w*)(?:\[((?:\"[^\"]*\"|'[^']*'|[^\]\"'])*)\])?(\+?)=", re.ASCII
)
_CONTROL: Final = re.compile(
    r"[\n;&|(){}!]|(?<![\w-])(?:if|for|while|until|case|function|select)(?![\w-])"
)
_CLAUSES: Final = re.compile(r"\(\(([^;]*);([^;]*);([^;]*?)\)\)")
DECLARE: Final = frozenset({"export", "declare", "local", "typeset", "readonly"})
_COMMANDS: Final = frozenset({
    "command", "declaration_command", "unset_command", "test_command", "variable_assignment",
    "variable_assignments", "word", "number", "command_name", "concatenation",
})  # fmt: skip
_CONTAINERS: Final = frozenset({
    "program", "list", "pipeline", "negated_command", "redirected_statement", "do_group", "ERROR",
    "case_item",
})  # fmt: skip
_OPENERS: Final = ("if", "{", "for", "while")
_TOO_DEEP: Final = f"more than {MAX_DEPTH} blocks inside each other"
_OPERATORS: Final = ("&&", "||", "|", "|&")


class Command(Struct, frozen=True, eq=False):
    """A simple command.

    Attributes:
        offset: Where it begins.
        end: Where it ends.
        assignments: Before its first word, or of `export` and its like.
        words: The command and its arguments.
        here: The word behind `<<<`.
        source: Where it stands.
    """

    offset: int
    end: int
    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    here: Word | None
    source: Source

    @property
    def name(self) -> str:
        """Its first word, if nothing of it is quoted or to be expanded."""
        return (self.words[0].bare or "") if self.words else ""

    @property
    def test(self) -> str:
        """The same; only the opening brackets of `((…))` and `[[ … ]]`."""
        raw = self.words[0].raw[:2] if self.words else ""
        return raw if raw in ("((", "[[") else self.name


class If(Struct, frozen=True, eq=False):
    """Branches: the conditions of each, none for `else`, and what it runs."""

    offset: int
    arms: tuple[tuple[Body, Body], ...]


class Case(Struct, frozen=True, eq=False):
    """A word, and what runs for each of some patterns; `falls` if `;&` or `;;&` joins them."""

    offset: int
    subject: Word
    arms: tuple[tuple[tuple[Word, ...], Body], ...]
    falls: bool


class Loop(Struct, frozen=True, eq=False):
    """A loop.

    Attributes:
        offset: Where it begins.
        kind: for, while or until.
        name: Its variable; None if it has none.
        items: What it goes through; None if that is what the script is called with.
        clauses: The three parts of `for ((…; …; …))`.
        condition: Of `while`.
        body: What it runs.
        is_menu: Whether it is `select`.
        head: What stands before its body.
    """

    offset: int
    kind: BlockKind
    name: str
    items: tuple[Word, ...] | None
    clauses: tuple[str, str, str] | None
    condition: Body
    body: Body
    is_menu: bool
    head: str


class Function(Struct, frozen=True, eq=False):
    """A function."""

    offset: int
    name: str
    body: Body


class Group(Struct, frozen=True, eq=False):
    """`{ … }`, or `( … )` in a shell of its own."""

    offset: int
    body: Body
    subshell: bool


Block: TypeAlias = "If | Case | Loop | Function | Group"


class Step(Struct, frozen=True, eq=False):
    """A command or a block, with what stands before it.

    Attributes:
        statement: What it is.
        joined: The operator between it and what stands before it; empty if there is none.
        negated: Whether `!` stands before it.
    """

    statement: Command | Block
    joined: str = ""
    negated: bool = False

    @property
    def offset(self) -> int:
        """Where it begins."""
        return self.statement.offset

    @property
    def is_chained(self) -> bool:
        """Whether it depends on what stands before it."""
        return self.joined in ("&&", "||")


Body = tuple[Step, ...]


class Script(Struct, frozen=True):
    """A script that is read.

    Attributes:
        source: Its text.
        body: Its statements.
        broken: Why the rest can't be read, and where that begins.
    """

    source: Source
    body: Body
    broken: tuple[str, int] | None


def parse(text: str) -> Script:
    """The statements of a script.

    Raises:
        ParserError: The parser can't read it.
    """
    source = Source(text)
    reader = _Reader(source)
    if _CONTROL.search(source.grammar.strip()) is None:
        body = tuple(reader.commands(len(source.grammar) - len(source.grammar.lstrip()), len(text)))
    else:
        body = reader.steps([source.tree()])
    return Script(source, body, source.broken or reader.broken)


@lru_cache(_MAX_NESTED)
def parse_nested(text: str) -> Script | None:
    """The same for a text inside of a script; None if it can't be read."""
    try:
        script = parse(text)
    except ParserError:
        return None
    return script if script.broken is None else None


class _Reader:
    """Makes statements of nodes.

    Args:
        source: The script.
    """

    def __init__(self, source: Source) -> None:
        self.broken: tuple[str, int] | None = None
        self._source = source
        self._depth = 0
        self._count = 0
        self._read = 0

    def steps(self, nodes: Iterable[Node]) -> Body:
        """The statements among nodes, in the order of the text."""
        made: list[Step] = []
        waiting = list(reversed(list(nodes)))
        joined, negated = "", False
        while waiting and self.broken is None:
            node = waiting.pop()
            if node.kind in _OPERATORS:
                joined = node.kind
            elif node.kind == "!":
                negated = not negated
            elif node.kind in (";", "\n", "&", ";;"):
                joined, negated = "", False
            elif node.kind in _CONTAINERS:
                waiting += reversed(node.children)
                if sum(one.kind in _OPENERS for one in node.children) > MAX_DEPTH:
                    self.broken = _TOO_DEEP, node.start
            elif node.kind in _COMMANDS:
                for step in self.commands(node.start, node.end):
                    made.append(replace(step, joined=joined, negated=negated))
                    joined, negated = "", False
            else:
                block = self._block(node)
                if block is not None:
                    made.append(Step(block, joined, negated))
                    joined, negated = "", False
        return tuple(made)

    def commands(self, start: int, end: int) -> Iterator[Step]:
        """The simple commands of a node: the grammar takes several lines for one at times."""
        source = self._source
        at = max(start, self._read)
        while at < end:
            stop = source.command_end(at)
            words = source.words(at, stop)
            if words:
                self._count += 1
                yield Step(self._command(words, at, stop))
            at = stop + 1
            self._read = stop
        if self._count > MAX_COMMANDS:
            self.broken = f"more than {MAX_COMMANDS:,} commands", start

    def _command(self, words: Sequence[Word], start: int, end: int) -> Command:
        assignments: list[Assignment] = []
        rest: list[Word] = []
        for word in words:
            declares = bool(rest) and rest[0].bare in DECLARE
            found = _ASSIGNMENT.match(word.raw) if not rest or declares else None
            if found is None:
                rest.append(word)
            else:
                assignments.append(self._assignment(word, found))
        here = self._source.here_string(start, end)
        return Command(words[0].offset, end, tuple(assignments), tuple(rest), here, self._source)

    def _assignment(self, word: Word, found: re.Match[str]) -> Assignment:
        name, index, append = found[1], found[2], found[3] == "+"
        begin = word.offset + found.end()
        if index is None and word.raw[found.end() :].startswith("("):
            items = self._source.inner_words(begin + 1, word.offset + len(word.raw) - 1)
            return Assignment(name, tuple(items), array=True, append=append, index=None)
        value = read_word(word.raw[found.end() :], begin)
        return Assignment(name, (value,), index is not None, append, index)

    def _block(self, node: Node) -> Block | None:
        """Control flow; None for a token."""
        if self._depth >= MAX_DEPTH:
            self.broken = _TOO_DEEP, node.start
            return None
        self._depth += 1
        try:
            return self._read_block(node)
        finally:
            self._depth -= 1

    def _read_block(self, node: Node) -> Block | None:
        children, start = node.children, node.start
        if node.kind in ("compound_statement", "subshell"):
            return Group(start, self.steps(children), node.kind == "subshell")
        if node.kind == "if_statement":
            clauses = ("elif_clause", "else_clause")
            first = [one for one in children if one.kind not in clauses]
            others = [one.children for one in children if one.kind in clauses]
            return If(start, tuple(map(self._arm, [first, *others])))
        if node.kind == "case_statement":
            return self._case(node)
        if node.kind in ("for_statement", "while_statement"):
            return self._loop(node)
        name = next((one for one in children if one.kind == "word"), None)
        if node.kind != "function_definition" or name is None:
            return None
        body = self.steps(children[children.index(name) + 1 :])
        return Function(start, self._source.text[name.start : name.end], body)

    def _arm(self, nodes: Sequence[Node]) -> tuple[Body, Body]:
        kinds = [one.kind for one in nodes]
        at = kinds.index("then") if "then" in kinds else 0
        return self.steps(nodes[:at]), self.steps(nodes[at + 1 :])

    def _case(self, node: Node) -> Case:
        source = self._source
        items = [one for one in node.children if one.kind == "case_item"]
        head = node.children[1]
        subject = source.words(head.start, head.end)
        arms = []
        for item in items:
            kinds = [one.kind for one in item.children]
            at = kinds.index(")") if ")" in kinds else 0
            words = source.words(item.start, item.children[at].start)
            arms.append((tuple(words), self.steps(item.children[at + 1 :])))
        falls = any(one.kind in (";&", ";;&") for item in items for one in item.children)
        word = subject[0] if subject else read_word("", head.start)
        return Case(node.start, word, tuple(arms), falls)

    def _loop(self, node: Node) -> Loop:
        source, children = self._source, node.children
        keyword = children[0].kind
        bodies = [one for one in children if one.kind in ("do_group", "compound_statement")]
        end = bodies[0].start if bodies else node.end
        head = source.text[node.start : end]
        if keyword in ("while", "until"):
            condition = self.steps(one for one in children[1:] if one not in bodies)
            kind: BlockKind = "while" if keyword == "while" else "until"
            return Loop(
                node.start, kind, "", None, None, condition, self.steps(bodies), False, head
            )
        found = _CLAUSES.search(head)
        clauses = (found[1], found[2], found[3]) if found is not None else None
        name = source.text[children[1].start : children[1].end] if found is None else ""
        starts = [one.end for one in children if one.kind == "in"]
        items = None
        if starts:
            items = tuple(source.words(starts[0], min(source.command_end(starts[0]), end)))
        is_menu = keyword == "select"
        return Loop(node.start, "for", name, items, clauses, (), self.steps(bodies), is_menu, head)


def bodies_of(statement: Command | Block) -> Iterator[Body]:
    """What stands inside of a statement."""
    if isinstance(statement, If):
        for condition, body in statement.arms:
            yield condition
            yield body
    elif isinstance(statement, Case):
        for _, body in statement.arms:
            yield body
    elif isinstance(statement, Loop):
        yield statement.condition
        yield statement.body
    elif not isinstance(statement, Command):
        yield statement.body


def commands_in(body: Iterable[Step]) -> Iterator[Command]:
    """The simple commands among statements, those in blocks among them."""
    for step in body:
        if isinstance(step.statement, Command):
            yield step.statement
        for inner in bodies_of(step.statement):
            yield from commands_in(inner)


def functions_in(body: Body) -> dict[str, list[Function]]:
    """The functions that a script defines and calls.

    A function that nothing calls is left out: its commands are read where it stands, and their
    surroundings say that they may never run.
    """
    defined: dict[str, list[Function]] = {}
    called: set[str] = set()

    def look(body: Body, around: tuple[str, ...]) -> None:
        for step in body:
            statement, inside = step.statement, around
            if isinstance(statement, Command) and statement.name not in around:
                called.add(statement.name)
            if isinstance(statement, Function):
                inside = (*around, statement.name)
                defined.setdefault(statement.name, []).append(statement)
            for inner in bodies_of(statement):
                look(inner, inside)

    look(body, ())
    return {name: found for name, found in defined.items() if name in called}
