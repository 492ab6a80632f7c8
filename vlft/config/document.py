"""A YAML text as entries: what each value means and where it was written, within limits.

libyaml stops at the first syntax error, so there is at most one of these a file.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, NoReturn

import yaml
from msgspec import Struct, field
from yaml import events

from vlft.config.entry import NOWHERE, Entry, KeyPath, Place, Scalar, dotted, shown
from vlft.config.scalars import Doubt, read_plain, read_tagged
from vlft.config.syntax import explain
from vlft.findings import Finding

MAX_DEPTH: Final = 64
"""Maps and lists inside each other, after aliases are followed."""

MAX_NODES: Final = 20_000
"""Keys and values of one file, after aliases are followed."""

MAX_KEY: Final = 256
"""Characters of a key."""

MAX_FINDINGS: Final = 200
"""Mistakes of one file that are listed."""

LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# libyaml 0.2.6 (PyYAML 6.0.4) scans ahead and stops at 1,000 levels, often before the reader has
# seen MAX_DEPTH of them. The text up to there is enough to find the place.
_LIBYAML_DEPTH: Final = "exceeded maximum nesting depth"
_STANDARD: Final = "tag:yaml.org,2002:"
_SCALAR_KINDS: Final = ("str", "int", "float", "bool", "null")
_SCALAR_TAGS: Final = frozenset(_STANDARD + kind for kind in _SCALAR_KINDS)
_YES_NO: Final = frozenset({"yes", "no", "on", "off"})


class Document(NamedTuple):
    """What a text holds.

    Attributes:
        root: None where the text holds no document, or can't be read to its end.
        findings: What stopped the reader, and aliases that lead nowhere.
        mistakes: In keys and values, where there is a root; it holds what was most likely meant.
        scalars: The path of each scalar that is a value, and its event; aliases lead to that of
            the anchor.
        is_plain: Whether the root is an unquoted scalar without a tag.
    """

    root: Entry | None
    findings: list[Finding]
    mistakes: list[Finding]
    scalars: list[tuple[KeyPath, Any]]
    is_plain: bool


def read(text: str, file: str | None, path: KeyPath = ()) -> Document:
    """Reads a text.

    Args:
        text: Of one file, without forbidden characters.
        file: Name for places and findings; None for a value of --set, which has no place.
        path: Of the root.
    """
    reader = _Reader(file, path)
    try:
        for event in yaml.parse(text, Loader=LOADER):
            reader.take(event)
    except _Stop:
        return Document(None, reader.findings, [], reader.scalars, is_plain=False)
    except yaml.MarkedYAMLError as error:
        if error.problem == _LIBYAML_DEPTH and error.problem_mark is not None:
            return read(text[: error.problem_mark.index], file, path)
        reader.findings.append(explain(error, text, file))
        return Document(None, reader.findings, [], reader.scalars, is_plain=False)
    except yaml.YAMLError as error:  # only for characters that `check_text` finds
        message = f"the file can't be read as YAML: {error}"
        reader.findings.append(Finding("config.syntax", "error", message, file=file))
        return Document(None, reader.findings, [], reader.scalars, is_plain=False)
    return reader.document()


class _Stop(Exception):  # noqa: N818 - ends the reading after a finding
    pass


class _Key(NamedTuple):
    """What the next value of a map is kept as.

    Attributes:
        name: None: the value is read for its mistakes only.
        path: Of the value in findings.
        place: Of the key; None for the root.
        merges: Whether it is `<<`.
    """

    name: str | None
    path: KeyPath
    place: Place | None
    merges: bool = False


class _Node(Struct, eq=False):
    """A map or a list.

    Attributes:
        entry: Filled while it is read.
        path: In findings; what a merge key brings has that of the map around it.
        muted: Whether mistakes in it are not listed, for it is one as a whole.
        merged: Whether it is a list of what a merge key brings.
        size: Keys and values in it, with what aliases stand for.
        height: Maps and lists inside each other, it among them.
        key: In a map: of the value that comes next; None where a key comes next.
        lines: Key → line where it is set first.
        merges: What merge keys bring.
    """

    entry: Entry
    path: KeyPath
    muted: bool = False
    merged: bool = False
    size: int = 0
    height: int = 1
    key: _Key | None = None
    lines: dict[str, int] = field(default_factory=dict)
    merges: list[Entry] = field(default_factory=list)

    def next(self) -> _Key | None:
        """What the next value is kept as; None where a map takes a key."""
        items = self.entry.value
        if not isinstance(items, list):
            return self.key
        path = self.path if self.merged else (*self.path, len(items))
        return _Key(None, path, None, self.merged)

    def add(self, entry: Entry) -> None:
        """Takes a value."""
        if isinstance(self.entry.value, list):
            self.entry.value.append(entry)
        elif self.key is not None and self.key.merges:
            self.merges.append(entry)
        elif self.key is not None and self.key.name is not None:
            self.entry.value[self.key.name] = entry  # type: ignore[index]
        self.key = None


class _Reader:
    """Takes the parser's events one by one."""

    def __init__(self, file: str | None, path: KeyPath) -> None:
        self.file = file
        self.findings: list[Finding] = []
        self.mistakes: list[Finding] = []
        self.seen: set[tuple[str, Place | KeyPath]] = set()
        self.scalars: list[tuple[KeyPath, Any]] = []
        self.documents = 0
        self.total = 0  # keys and values so far, with what aliases stand for
        self.anchors: dict[str, Any] = {}
        # What is around the root: a map with the root as its only value.
        key_place = NOWHERE if path and isinstance(path[-1], str) else None
        self.around: dict[str, Entry] = {}
        self.open = [_Node(Entry(self.around, NOWHERE), (), key=_Key("", path, key_place))]

    def document(self) -> Document:
        root = self.around.get("")
        event = self.scalars[0][1] if self.scalars else None
        is_plain = event is not None and not event.style and event.tag is None
        is_scalar = root is not None and root.text is not None
        return Document(root, self.findings, self.mistakes, self.scalars, is_scalar and is_plain)

    def take(self, event: Any) -> None:
        if isinstance(event, events.ScalarEvent):
            if event.anchor is not None:
                self.anchors[event.anchor] = event
            self.scalar(event)
        elif isinstance(event, events.CollectionStartEvent):
            self.begin(event)
        elif isinstance(event, events.CollectionEndEvent):
            self.end()
        elif isinstance(event, events.AliasEvent):
            self.alias(event)
        elif isinstance(event, events.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                message = "a second YAML document starts here; a config is one document"
                self.stop(event, "config.documents", message, "remove the --- line above it")

    def count(self, size: int, height: int, event: Any) -> _Node:
        """Takes the measures of a key or a value; what it stands in."""
        self.total += size
        if self.total > MAX_NODES:
            message = f"the file holds more than {MAX_NODES:,} keys and values"
            hint = "keep data in files of its own; check for aliases (*name) that repeat others"
            self.stop(event, "config.too-many-nodes", message, hint)
        if len(self.open) - 1 + height > MAX_DEPTH:
            message = f"maps and lists stand more than {MAX_DEPTH} deep inside each other"
            hint = "a config needs a handful of levels; check for brackets that were not closed"
            self.stop(event, "config.too-deep", message, hint)
        parent = self.open[-1]
        parent.size += size
        parent.height = max(parent.height, height + 1)
        return parent

    def scalar(self, event: Any) -> None:
        """Takes a key or a value."""
        parent = self.count(1, 0, event)
        key = parent.next()
        if key is None:
            parent.key = self.key(event, parent)
            return
        self.scalars.append((key.path, event))
        value = None if key.merges else self.value(event, key.path)
        parent.add(Entry(value, self.place(event), key.place, event.value))

    def begin(self, event: Any) -> None:
        """Opens a map or a list."""
        parent = self.count(1, 1, event)
        is_map = isinstance(event, events.MappingStartEvent)
        entry = Entry({} if is_map else [], self.place(event))
        key = parent.next()
        if key is None:
            node = _Node(entry, parent.path, muted=True)
        else:
            node = _Node(entry, key.path, parent.muted, key.merges and not is_map)
            own = (None, "!", _STANDARD + ("map" if is_map else "seq"))
            if event.tag not in own and not key.merges:
                self.refuse_tag(event, key.path)
        if event.anchor is not None:
            self.anchors[event.anchor] = node
        self.open.append(node)

    def end(self) -> None:
        """Closes a map or a list."""
        node = self.open[-1]
        for entry in node.merges:
            for source in entry.value if isinstance(entry.value, list) else [entry]:
                self.merge(source, node)
        self.open.pop()
        parent = self.open[-1]
        parent.size += node.size
        parent.height = max(parent.height, node.height + 1)
        self.put(node, parent)

    def merge(self, source: Entry, node: _Node) -> None:
        """Takes the keys of a map that are not set."""
        if isinstance(source.value, dict) and isinstance(node.entry.value, dict):
            for name, entry in source.value.items():
                node.entry.value.setdefault(name, entry)
        else:
            message = "`<<` takes the keys of a map, and this is none"
            hint = "write `<<: *name` with an anchor of a map, or a list of such"
            self.mistake("config.merge", source.place, node.path, message, hint)

    def put(self, node: _Node, parent: _Node) -> None:
        """Takes a map or a list as a value; as a key it is a mistake."""
        key = parent.next()
        if key is not None:
            parent.add(node.entry._replace(key_place=key.place))
            return
        kind = "map" if isinstance(node.entry.value, dict) else "list"
        message = f"a {kind} stands where a key is expected"
        hint = "write a name; braces in a text, such as {{ name }}, need quotes around it"
        self.mistake("config.key-type", node.entry.place, parent.path, message, hint)
        parent.key = _Key(None, parent.path, None)

    def alias(self, event: Any) -> None:
        """Takes what an anchor names."""
        named = self.anchors.get(event.anchor)
        if isinstance(named, events.ScalarEvent):
            self.scalar(named)
            return
        if named is not None and named not in self.open:
            self.put(named, self.count(1 + named.size, named.height, event))
            return
        text = f"*{event.anchor}"
        message = f"`{text}` stands inside the value that it names"
        hint = "write the value out: a value can't contain itself"
        if named is None:
            message = f"`{text}` refers to an anchor that is not set above"
            hint = f'set it with &{event.anchor}, or write "{text}" if it is text'
        self.finding(event, "config.alias", message, hint)
        parent, place = self.count(1, 0, event), self.place(event)
        key = parent.next()
        if key is None:
            parent.key = _Key(text, (*parent.path, text), place)
        else:
            parent.add(Entry(text, place, key.place, text))

    def key(self, event: Any, parent: _Node) -> _Key:
        """What the value after a key is kept as."""
        path, place, name = parent.path, self.place(event), event.value
        if event.tag is not None:
            self.value(event, path)
        elif not event.style and name != "<<" and name.lower() not in _YES_NO:
            value, doubt = read_plain(name)
            if doubt is not None or not isinstance(value, str):
                kind = "null" if value is None else type(value).__name__
                what = shown(name) if name else "an empty key"
                message = f"{what} is a key of type {kind}; keys are text"
                hint = f'write "{name}" in quotes' if name else "write a name before :"
                self.mistake("config.key-type", place, path, message, hint)
                return _Key(None, path, place)
        if len(name) > MAX_KEY:
            message = f"a key of {len(name):,} characters, {shown(name)}"
            self.mistake("config.key-type", place, path, message, f"the limit is {MAX_KEY}")
            return _Key(None, path, place)
        self.check_nul(event, path)
        inner, line = (*path, name), event.start_mark.line + 1
        if name in parent.lines:
            first = parent.lines[name]
            message = f"{shown(name)} is set twice in one map"
            if self.file is not None and first != line:
                message += f": first in line {first}"
            hint = "remove one of the two; YAML readers disagree on which counts"
            self.mistake("config.duplicate-key", place, inner, message, hint)
            return _Key(None, inner, place)
        parent.lines[name] = line
        if name == "<<" and not event.style:
            return _Key(None, path, place, merges=True)
        return _Key(name, inner, place)

    def value(self, event: Any, path: KeyPath) -> Scalar:
        """What a scalar means; with a mistake, what was most likely meant."""
        self.check_nul(event, path)
        value: Scalar = event.value
        doubt: Doubt | None = None
        if event.tag is None:
            if not event.style:
                value, doubt = read_plain(event.value)
        elif event.tag in _SCALAR_TAGS:
            tag = event.tag.removeprefix(_STANDARD)
            value, doubt = read_tagged(event.value, tag, plain=not event.style)
        elif event.tag != "!":  # a lone ! marks text
            self.refuse_tag(event, path)
        if doubt is not None:
            self.mistake(doubt.rule, self.place(event), path, doubt.message, doubt.hint)
        return value

    def check_nul(self, event: Any, path: KeyPath) -> None:
        if "\0" in event.value:
            message = "the text holds a NUL character, which no command line can carry"
            rule, hint = "config.control-character", r"remove the \0"
            self.mistake(rule, self.place(event), path, message, hint)

    def refuse_tag(self, event: Any, path: KeyPath) -> None:
        short = re.sub(f"^{_STANDARD}", "!!", event.tag)
        message = f"the tag {shown(short)} is not allowed in a config"
        hint = "remove it, or put the value in quotes if it is text that starts with `!`"
        self.mistake("config.tag", self.place(event), path, message, hint)

    def place(self, event: Any) -> Place:
        return NOWHERE if self.file is None else Place(self.file, *_start(event))

    def mistake(self, rule: str, place: Place, path: KeyPath, message: str, hint: str) -> None:
        """Lists an error, once a place: an anchor is read as often as it is used."""
        known = (rule, path if self.file is None else place)
        if self.open[-1].muted or known in self.seen:
            return
        self.seen.add(known)
        if len(self.seen) > MAX_FINDINGS:
            if len(self.seen) > MAX_FINDINGS + 1:
                return
            message = f"the file has more than {MAX_FINDINGS} mistakes; the rest is not listed"
            rule, hint = "config.too-many-mistakes", "mend these first; is it a config?"
        name = dotted(path) if self.file is not None else f"--set {dotted(path)}"
        self.mistakes.append(Finding(rule, "error", message, name, *place, hint))

    def finding(self, event: Any, rule: str, message: str, hint: str) -> None:
        found = Finding(rule, "error", message, "", self.file, *_start(event), hint)
        self.findings.append(found)

    def stop(self, event: Any, rule: str, message: str, hint: str) -> NoReturn:
        self.finding(event, rule, message, hint)
        raise _Stop


def _start(event: Any) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
