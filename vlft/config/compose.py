"""YAML text to a tree of nodes, within the limits of vlft.config.limits.

The tree is built from the parser's events without recursion: libyaml's own composer ends the
process when a file nests deep enough. Aliases point to the node they name, so the tree is a
graph without cycles; each limit counts what an alias stands for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml
from yaml import events

from vlft.config.limits import MAX_DEPTH, MAX_NODES
from vlft.config.syntax import explain
from vlft.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

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


class _Stop(Exception):  # noqa: N818 - ends the reading, not an error of its own
    def __init__(self, event: Any, rule: str, message: str, hint: str) -> None:
        mark = event.start_mark
        self.parts = (rule, message, hint, mark.line + 1, mark.column + 1)


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
    except _Stop as stop:
        composer.report(*stop.parts)
        return None, composer.findings
    except yaml.MarkedYAMLError as error:
        if error.problem == _LIBYAML_DEPTH and error.problem_mark is not None:
            return compose(text[: error.problem_mark.index], file)
        return None, [*composer.findings, explain(error, text, file)]
    except yaml.YAMLError as error:  # not seen: libyaml marks every error in a text
        message = f"the file can't be read as YAML: {error}"
        return None, [*composer.findings, Finding("config.syntax", "error", message, file=file)]
    return composer.root, composer.findings


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

    def report(self, rule: str, message: str, hint: str, line: int, column: int) -> None:
        self.findings.append(Finding(rule, "error", message, "", self.file, line, column, hint))

    def take(self, event: Any) -> None:
        mark = event.start_mark
        if isinstance(event, events.ScalarEvent):
            where = (mark.line + 1, mark.column + 1)
            self.add(ScalarNode(event.value, not event.style, event.tag, *where), event)
        elif isinstance(event, events.CollectionStartEvent):
            kind = MapNode if isinstance(event, events.MappingStartEvent) else ListNode
            node = kind(event.tag, mark.line + 1, mark.column + 1)
            self.add(node, event)
            self.open.append(node)
            self.check_depth(len(self.open), event)
        elif isinstance(event, events.CollectionEndEvent):
            self.close()
        elif isinstance(event, events.AliasEvent):
            self.add_alias(event)
        elif isinstance(event, events.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                message = "a second YAML document starts here; a config is one document"
                raise _Stop(event, "config.documents", message, "remove the --- line above it")

    def add(self, node: Node, event: Any, size: int = 1) -> None:
        self.total += size
        if self.total > MAX_NODES:
            message = f"the file holds more than {MAX_NODES:,} keys and values"
            hint = "keep data in files of its own; check for aliases (*name) that repeat others"
            raise _Stop(event, "config.too-many-nodes", message, hint)
        if not isinstance(event, events.AliasEvent) and event.anchor is not None:
            self.anchors[event.anchor] = node
        if self.open:
            self.open[-1].items.append(node)
        else:
            self.root = node

    def close(self) -> None:
        node = self.open.pop()
        node.size = 1 + sum(child.size for child in node.items)
        node.height = 1 + max((child.height for child in node.items), default=0)

    def add_alias(self, event: Any) -> None:
        mark = event.start_mark
        where = (mark.line + 1, mark.column + 1)
        node: Node | None = self.anchors.get(event.anchor)
        if node is None:
            message = f"`*{event.anchor}` refers to an anchor that is not set above"
            hint = f'set it with &{event.anchor}, or write "*{event.anchor}" if it is text'
            self.report("config.alias", message, hint, *where)
        elif any(node is parent for parent in self.open):
            message = f"`*{event.anchor}` stands inside the value that it names"
            hint = "write the value out: a value can't contain itself"
            self.report("config.alias", message, hint, *where)
            node = None
        if node is None:
            node = ScalarNode(f"*{event.anchor}", False, None, *where)
        self.check_depth(len(self.open) + node.height, event)
        self.add(node, event, node.size)

    def check_depth(self, depth: int, event: Any) -> None:
        if depth > MAX_DEPTH:
            message = f"maps and lists stand more than {MAX_DEPTH} deep inside each other"
            hint = "a config needs a handful of levels; check for brackets that were not closed"
            raise _Stop(event, "config.too-deep", message, hint)
