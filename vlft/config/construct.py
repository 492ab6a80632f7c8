"""A tree of nodes to entries: each value with its place and that of its key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vlft.config.compose import ListNode, MapNode, Node, ScalarNode
from vlft.config.entry import (
    MAX_FINDINGS,
    MAX_KEY,
    NOWHERE,
    Entry,
    KeyPath,
    Place,
    Scalar,
    dotted,
    shown,
)
from vlft.config.scalars import Doubt, read_plain, read_tagged
from vlft.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

_STANDARD: Final = "tag:yaml.org,2002:"
_SCALAR_TAGS: Final = frozenset({"str", "int", "float", "bool", "null"})
_YES_NO: Final = frozenset({"yes", "no", "on", "off"})


class Builder:
    """Turns nodes of one file into entries; mistakes are collected in `findings`.

    Args:
        file: Name for places and findings; None: the text comes from --set.
        prefix: What stands before a path in a finding.
    """

    def __init__(self, file: str | None, prefix: str = "") -> None:
        self.file = file
        self.prefix = prefix
        self.findings: list[Finding] = []
        self._seen: set[tuple[str, int, int]] = set()

    def report(self, rule: str, node: Node, path: KeyPath, message: str, hint: str) -> None:
        """Adds an error, once a place: an anchor is visited as often as it is used."""
        if (rule, node.line, node.column) in self._seen:
            return
        self._seen.add((rule, node.line, node.column))
        if len(self._seen) > MAX_FINDINGS:
            if len(self._seen) > MAX_FINDINGS + 1:
                return
            message = f"the file has more than {MAX_FINDINGS} mistakes; the rest is not listed"
            rule, hint = "config.too-many-mistakes", "mend these first; is it a config?"
        name = self.prefix + dotted(path)
        self.findings.append(Finding(rule, "error", message, name, *self.place(node), hint))

    def place(self, node: Node) -> Place:
        """Where the node starts."""
        return NOWHERE if self.file is None else Place(self.file, node.line, node.column)

    def value(self, node: Node, path: KeyPath, key_place: Place | None = None) -> Entry:
        """The entry of the node at this path."""
        place = self.place(node)
        if isinstance(node, ScalarNode):
            return Entry(self._scalar(node, path), place, key_place, node.text)
        if isinstance(node, ListNode):
            self._check_tag(node, path, "seq")
            items = [self.value(item, (*path, i)) for i, item in enumerate(node.items)]
            return Entry(items, place, key_place)
        self._check_tag(node, path, "map")
        return Entry(self._entries(node, path), place, key_place)

    def _entries(self, node: MapNode, path: KeyPath) -> dict[str, Entry]:
        """The entries of a mapping, merge keys (`<<`) resolved."""
        entries: dict[str, Entry] = {}
        own: dict[str, Node] = {}
        merges: list[Node] = []
        for key, value in node.pairs():
            name = self._key(key, path)
            if name is None:
                self.value(value, path)  # for its mistakes only
            elif self._check_twice(key, own, path):
                self.value(value, (*path, name))
            elif name == "<<" and isinstance(key, ScalarNode) and key.plain:
                merges.append(value)
            else:
                entries[name] = self.value(value, (*path, name), self.place(key))
        for key, value in self._merged(merges, path):
            name = self._key(key, path)
            if name is not None and name not in entries:
                entries[name] = self.value(value, (*path, name), self.place(key))
        return entries

    def _merged(self, merges: list[Node], path: KeyPath) -> Iterator[tuple[Node, Node]]:
        """What merge keys bring, the winner of equal keys first."""
        for value in merges:
            for source in value.items if isinstance(value, ListNode) else [value]:
                if not isinstance(source, MapNode):
                    message = "`<<` takes the keys of a map, and this is none"
                    hint = "write `<<: *name` with an anchor of a map, or a list of such"
                    self.report("config.merge", source, path, message, hint)
                    continue
                deeper: list[Node] = []
                own: dict[str, Node] = {}
                for key, item in source.pairs():
                    self._check_twice(key, own, path)
                    if isinstance(key, ScalarNode) and key.plain and key.text == "<<":
                        deeper.append(item)
                    else:
                        yield key, item
                yield from self._merged(deeper, path)

    def _check_twice(self, key: Node, own: dict[str, Node], path: KeyPath) -> bool:
        """Whether the key stands in this map already; `own` takes it if not."""
        if not isinstance(key, ScalarNode):
            return False
        if key.text not in own:
            own[key.text] = key
            return False
        first = own[key.text].line
        message = f"{shown(key.text)} is set twice in one map: first in line {first}"
        if self.file is None or first == key.line:
            message = f"{shown(key.text)} is set twice in one map"
        hint = "remove one of the two; YAML readers disagree on which counts"
        self.report("config.duplicate-key", key, (*path, key.text), message, hint)
        return True

    def _key(self, node: Node, path: KeyPath) -> str | None:
        """The name that a key node gives; None, with a finding, if it gives none."""
        if not isinstance(node, ScalarNode):
            kind = "list" if isinstance(node, ListNode) else "map"
            message = f"a {kind} stands where a key is expected"
            hint = "write a name; braces in a text, such as {{ name }}, need quotes around it"
            self.report("config.key-type", node, path, message, hint)
            return None
        if node.tag is not None:
            self._scalar(node, path)
        elif node.plain and node.text != "<<" and node.text.lower() not in _YES_NO:
            value, doubt = read_plain(node.text)
            if doubt is not None or not isinstance(value, str):
                kind = "null" if value is None else type(value).__name__
                what = shown(node.text) if node.text else "an empty key"
                message = f"{what} is a key of type {kind}; keys are text"
                hint = f'write "{node.text}" in quotes' if node.text else "write a name before :"
                self.report("config.key-type", node, path, message, hint)
                return None
        if len(node.text) > MAX_KEY:
            message = f"a key of {len(node.text):,} characters, {shown(node.text)}"
            self.report("config.key-type", node, path, message, f"the limit is {MAX_KEY}")
            return None
        self._check_nul(node, path)
        return node.text

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Scalar:
        self._check_nul(node, path)
        value: Scalar = node.text
        doubt: Doubt | None = None
        tag = (node.tag or "").removeprefix(_STANDARD)
        if node.tag is None:
            if node.plain:
                value, doubt = read_plain(node.text)
        elif node.tag.startswith(_STANDARD) and tag in _SCALAR_TAGS:
            value, doubt = read_tagged(node.text, tag, plain=node.plain)
        elif node.tag != "!":  # a lone ! marks text
            self._refuse_tag(node, path)
        if doubt is not None:
            self.report(doubt.rule, node, path, doubt.message, doubt.hint)
        return value

    def _check_nul(self, node: ScalarNode, path: KeyPath) -> None:
        if "\0" in node.text:
            message = "the text holds a NUL character, which no command line can carry"
            self.report("config.control-character", node, path, message, r"remove the \0")

    def _check_tag(self, node: ListNode | MapNode, path: KeyPath, kind: str) -> None:
        if node.tag not in (None, "!", _STANDARD + kind):
            self._refuse_tag(node, path)

    def _refuse_tag(self, node: Node, path: KeyPath) -> None:
        tag = node.tag or ""
        short = "!!" + tag.removeprefix(_STANDARD) if tag.startswith(_STANDARD) else tag
        message = f"the tag {shown(short)} is not allowed in a config"
        hint = "remove it, or put the value in quotes if it is text that starts with `!`"
        self.report("config.tag", node, path, message, hint)
