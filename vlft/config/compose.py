"""YAML text to a tree of nodes within limits, and what a syntax error most likely is.

libyaml stops at the first syntax error, so there is at most one of these a file.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import yaml
from yaml import events

from vlft.config.entry import MAX_DEPTH, MAX_NODES, printable, shown
from vlft.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from yaml import MarkedYAMLError

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# libyaml 0.2.6 (PyYAML 6.0.4) scans ahead and stops at 1,000 levels, often before the composer has
# seen MAX_DEPTH of them. The text up to there is enough to find the place.
_LIBYAML_DEPTH = "exceeded maximum nesting depth"


@dataclass(slots=True)
class ScalarNode:
    """A scalar; line and column from 1, size in nodes, height in maps and lists."""

    text: str
    plain: bool
    tag: str | None
    line: int
    column: int
    size: int = 1
    height: int = 0


@dataclass(slots=True)
class ListNode:
    """A sequence."""

    tag: str | None
    line: int
    column: int
    size: int = 1
    height: int = 1
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class MapNode:
    """A mapping; keys may be any node and may repeat."""

    tag: str | None
    line: int
    column: int
    size: int = 1
    height: int = 1
    # Keys and values in turn.
    items: list[Node] = field(default_factory=list)

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Each key with its value."""
        return zip(self.items[::2], self.items[1::2], strict=True)


Node: TypeAlias = ScalarNode | ListNode | MapNode


class _Stop(Exception):  # noqa: N818 - ends the reading after a finding
    pass


def compose(text: str, file: str | None) -> tuple[Node | None, list[Finding]]:
    """The root node; None with no finding where the text holds no document.

    Args:
        text: Of one file, without forbidden characters.
        file: Name for the findings; None for a text of --set.
    """
    composer = _Composer(file)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.take(event)
    except _Stop:
        return None, composer.findings
    except yaml.MarkedYAMLError as error:
        if error.problem == _LIBYAML_DEPTH and error.problem_mark is not None:
            return compose(text[: error.problem_mark.index], file)
        return None, [*composer.findings, explain(error, text, file)]
    except yaml.YAMLError as error:  # not seen: libyaml marks every error in a text
        message = f"the file can't be read as YAML: {error}"
        return None, [*composer.findings, Finding("config.syntax", "error", message, file=file)]
    return composer.root, composer.findings


def scalar_spans(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Start and end (line and column from 1) of each scalar, block scalars too; up to an error."""
    spans = []
    with suppress(yaml.YAMLError):
        for token in yaml.scan(text, Loader=_LOADER):
            if isinstance(token, yaml.ScalarToken):
                start, end = token.start_mark, token.end_mark
                spans.append(((start.line + 1, start.column + 1), (end.line + 1, end.column + 1)))
    return spans


class _Composer:
    """Takes the parser's events one by one."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self.root: Node | None = None
        self.documents = 0
        self.total = 0  # nodes so far, with what aliases stand for
        self.open: list[ListNode | MapNode] = []
        self.anchors: dict[str, Node] = {}

    def report(self, event: Any, rule: str, message: str, hint: str) -> None:
        self.findings.append(Finding(rule, "error", message, "", self.file, *_place(event), hint))

    def take(self, event: Any) -> None:
        if isinstance(event, events.ScalarEvent):
            node = ScalarNode(event.value, not event.style, event.tag, *_place(event))
            self.add(node, event)
        elif isinstance(event, events.CollectionStartEvent):
            kind = MapNode if isinstance(event, events.MappingStartEvent) else ListNode
            collection = kind(event.tag, *_place(event))
            self.add(collection, event)
            self.open.append(collection)
            self.check_depth(len(self.open), event)
        elif isinstance(event, events.CollectionEndEvent):
            collection = self.open.pop()
            collection.size = 1 + sum(child.size for child in collection.items)
            collection.height = 1 + max((child.height for child in collection.items), default=0)
        elif isinstance(event, events.AliasEvent):
            named = self.named(event)
            if named is None:
                named = ScalarNode(f"*{event.anchor}", False, None, *_place(event))
            self.check_depth(len(self.open) + named.height, event)
            self.add(named, event)
        elif isinstance(event, events.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                message = "a second YAML document starts here; a config is one document"
                self.report(event, "config.documents", message, "remove the --- line above it")
                raise _Stop

    def add(self, node: Node, event: Any) -> None:
        self.total += node.size
        if self.total > MAX_NODES:
            message = f"the file holds more than {MAX_NODES:,} keys and values"
            hint = "keep data in files of its own; check for aliases (*name) that repeat others"
            self.report(event, "config.too-many-nodes", message, hint)
            raise _Stop
        if not isinstance(event, events.AliasEvent) and event.anchor is not None:
            self.anchors[event.anchor] = node
        if self.open:
            self.open[-1].items.append(node)
        else:
            self.root = node

    def named(self, event: Any) -> Node | None:
        """The node of an alias; None, with a finding, if it names none that is complete."""
        node = self.anchors.get(event.anchor)
        if node is None:
            message = f"`*{event.anchor}` refers to an anchor that is not set above"
            hint = f'set it with &{event.anchor}, or write "*{event.anchor}" if it is text'
        elif any(node is parent for parent in self.open):
            message = f"`*{event.anchor}` stands inside the value that it names"
            hint = "write the value out: a value can't contain itself"
        else:
            return node
        self.report(event, "config.alias", message, hint)
        return None

    def check_depth(self, depth: int, event: Any) -> None:
        if depth > MAX_DEPTH:
            message = f"maps and lists stand more than {MAX_DEPTH} deep inside each other"
            hint = "a config needs a handful of levels; check for brackets that were not closed"
            self.report(event, "config.too-deep", message, hint)
            raise _Stop


def _place(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


class _Error(NamedTuple):
    """The parser's words and the lines that they are about."""

    context: str
    before: str  # of the line where reading stopped
    rest: str  # of that line, from the character on
    start: str  # the line where the construct starts


_Answer: TypeAlias = tuple[str, str]  # message and hint


class _Case(NamedTuple):
    """What the parser says, as a pattern, and what vlft makes of it."""

    pattern: str
    answer: _Answer | Callable[[_Error], _Answer]
    at_start: bool = False  # mended where the construct starts, not where reading stopped


def explain(error: MarkedYAMLError, text: str, file: str | None) -> Finding:
    """The finding for a parser error: what it likely is and what to write instead."""
    mark = error.problem_mark or error.context_mark
    start = error.context_mark or mark
    problem = printable(error.problem or "").lower()
    if mark is None or start is None:  # not seen: libyaml marks every error
        return Finding("config.syntax", "error", f"this is not YAML: {problem}", file=file)
    if conflict := _CONFLICT.search(text):
        message = "a merge conflict of git was left in the file"
        hint = "resolve it and remove the lines of <, = and >"
        number = text.count("\n", 0, conflict.start()) + 1
        return Finding("config.syntax", "error", message, "", file, number, 1, hint)
    lines = [*text.splitlines(), ""]
    line = lines[min(mark.line, len(lines) - 1)]
    about = _Error(
        error.context or "",
        line[: mark.column],
        line[mark.column :],
        lines[min(start.line, len(lines) - 1)],
    )
    said = f"{about.context}: {problem}"
    case = next((case for case in _CASES if re.search(case.pattern, said)), None)
    if case is None:
        message = f"this is not YAML: {problem}"
        hint = "put quotes around text that holds any of : # [ ] { } & * !"
    else:
        message, hint = case.answer if isinstance(case.answer, tuple) else case.answer(about)
    place = start if case is not None and case.at_start else mark
    where = (place.line + 1, place.column + 1)
    return Finding("config.syntax", "error", message, "", file, *where, hint)


_TAB: Final = ("the line is indented with a tab, which YAML does not allow", "indent with spaces")
_CONFLICT: Final = re.compile("^(?:<{7} |>{7} )", re.MULTILINE)


def _bad_start(e: _Error) -> _Answer:
    if e.rest.startswith("\t"):
        return _TAB
    sign = e.rest[:1]
    return f"a value can't start with `{sign}`", f'put all of it in quotes: "{sign}…"'


def _second_colon(e: _Error) -> _Answer:
    if ": " in e.before or e.before.endswith(('"', "'")):
        return (
            "a second `:` in one line: the first ended the key, and the value can't hold another",
            "put the value in quotes, or start a new line for the second key",
        )
    return (
        f"the key {shown(e.before.strip())} can't stand here",
        "add a missing `:` to the line above, or start keys of one map in the same column",
    )


def _no_colon(e: _Error) -> _Answer:
    word = e.start.strip()
    return f"{shown(word)} is no `key: value` and no list item", "add `: ` and a value"


def _bracket(e: _Error) -> _Answer:
    opening, closing = "[]" if "sequence" in e.context else "{}"
    return (
        f"after this `{opening}` a `{closing}` is missing, or a comma between two entries",
        f"add `{closing}` at its end, or the comma",
    )


def _expected_key(e: _Error) -> _Answer:
    before = e.before.rstrip()
    if not before and e.rest.startswith("- "):
        return "a list item stands where a key is expected", "indent the list under its key"
    if not before:
        return (
            "the line is indented differently from the keys that it belongs to",
            "start keys of one map in the same column",
        )
    if before.endswith(('"', "'")):
        return (
            f"text follows the closing quote: {shown(e.rest.strip())}",
            "put all of the value in quotes; inside '…' write a single quote twice",
        )
    return (
        f"{shown(e.rest.strip())} can't follow here",
        "put the value in quotes, or start a new line",
    )


def _no_name(e: _Error) -> _Answer:
    sign, kind = ("*", "alias") if "alias" in e.context else ("&", "anchor")
    message = f"a value that starts with `{sign}` is a YAML {kind}, and its name can't be read"
    return message, f'put the value in quotes if it is text: "{sign}…"'


def _escape(e: _Error) -> _Answer:
    return (
        f"{shown(e.rest[:2])} is no escape that YAML knows",
        "write the text in 'single quotes', where a backslash is only a backslash",
    )


def _no_value(e: _Error) -> _Answer:
    before = f" before {shown(e.rest[:1])}" if e.rest else ""
    return (
        f"a value is expected{before}",
        "remove one comma or bracket, add a missing bracket, or put the value in quotes",
    )


# The first that matches counts.
_CASES: Final = (
    _Case("tab character", _TAB),
    _Case("cannot start any token", _bad_start),
    _Case("mapping values are not allowed", _second_colon),
    _Case("could not find expected ':'", _no_colon, at_start=True),
    _Case(
        "quoted scalar: found unexpected",
        ("a quoted text starts here and does not end", "add the closing quote"),
        at_start=True,
    ),
    _Case("expected ',' or '[]}]'", _bracket, at_start=True),
    _Case("did not find expected key", _expected_key),
    _Case(
        "block sequence entries are not allowed",
        (
            "a list item can't start in the line of its key",
            "start a new line for each `- `, or write [first, second]",
        ),
    ),
    _Case(
        "expected '-' indicator",
        (
            "what follows the list here is no list item",
            "start each item with `- ` in the same column, and indent what belongs to it",
        ),
    ),
    _Case("scanning an (alias|anchor)", _no_name),
    _Case("escape|hexdecimal|unicode character", _escape),
    _Case("expected node content", _no_value),
    _Case(
        "block scalar",
        (
            "after `|` and `>` a text starts on the next line; something else follows here",
            "start the text on a new line, or put the value in quotes",
        ),
    ),
    _Case(
        "directive|incompatible yaml",
        ("a line that starts with `%` is a directive of YAML, and not a known one", "remove it"),
    ),
    _Case(
        r"\btag\b",
        (
            "a value that starts with `!` is a YAML tag, and this one can't be read",
            "put the value in quotes if it is text",
        ),
    ),
    _Case(
        "expected <document start>",
        (
            "the YAML document has ended above, and something follows",
            "remove a `...` line, or a closing bracket that comes too early",
        ),
    ),
)
