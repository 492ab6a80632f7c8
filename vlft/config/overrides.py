"""--set key=value: the layer above all files."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from vlft.config.compose import Node, ScalarNode, compose
from vlft.config.construct import Builder, Built
from vlft.config.locations import MAX_DEPTH, printable, shown
from vlft.config.merge import Draft
from vlft.config.source import Data, KeyPath, Place, Source, check_text, dotted
from vlft.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

_SET: Final = "--set "
_FORM: Final = "write --set section.key=value, for example --set train.learning_rate=1e-4"
_PART: Final = re.compile(
    r"""(?P<dot>\.)?(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s.\[\]"'=]+))"""
    r"|\[(?P<index>[0-9]{1,6})\]"
)


class Override(NamedTuple):
    """One --set, its key and its value taken apart."""

    path: KeyPath
    node: Node


class _WrongError(Exception):
    """An override that can't be used: message and hint."""


def read(overrides: Sequence[str]) -> tuple[list[Override], list[Finding]]:
    """The overrides that are well formed, and findings for those that are not."""
    good: list[Override] = []
    findings: list[Finding] = []
    for text in overrides:
        try:
            path, value = _split(text)
        except _WrongError as wrong:
            findings.append(_finding("", *wrong.args))
            continue
        node, wrong_value = _value(path, value)
        findings += wrong_value
        if node is not None:
            good.append(Override(path, node))
    return good, findings


def apply(source: Source, overrides: Sequence[str]) -> tuple[Source, list[Finding]]:
    """The source with each override over it, the later over the earlier.

    A value is read as YAML and merges as a file does over what it extends: maps merge, lists
    and scalars replace, null removes. A malformed override changes nothing.
    """
    good, findings = read(overrides)
    draft = Draft(source)
    for override in good:
        try:
            findings += _put(draft, override)
        except _WrongError as wrong:
            findings.append(_finding(dotted(override.path), *wrong.args))
    return draft.finish(source.file, source.documents), findings


def _finding(name: str, message: str, hint: str) -> Finding:
    path = (_SET + name).strip()
    return Finding("config.override", "error", message, path, hint=hint)


def _split(text: str) -> tuple[KeyPath, str]:
    """The key path and the text of the value."""
    path: list[str | int] = []
    end = 0
    while end < len(text) and text[end] != "=":
        part = _PART.match(text, end)
        if part is None or (part["index"] is None and bool(part["dot"]) != bool(path)):
            raise _WrongError(f"the key of {shown(text)} can't be read", _FORM)
        end = part.end()
        names = (part["double"], part["single"], part["bare"])
        index = part["index"]
        path.append(int(index) if index is not None else next(n for n in names if n is not None))
    if end == len(text):
        raise _WrongError(f"{shown(text)} has no `=` and no value", _FORM)
    if not path or isinstance(path[0], int):
        raise _WrongError(f"{shown(text)} does not start with a key", _FORM)
    if len(path) > MAX_DEPTH:
        raise _WrongError(f"the key of {shown(text)} has more than {MAX_DEPTH} parts", _FORM)
    if path[0] == "extends":
        hint = "write extends into a file, and name that file as the config"
        raise _WrongError("extends can't be set with --set", hint)
    return tuple(path), text[end + 1 :]


def _value(path: KeyPath, text: str) -> tuple[Node | None, list[Finding]]:
    """The node of the value's text."""
    name = dotted(path)
    if not text.strip():
        message = f"{name} is set to nothing"
        hint = f"write {name}=null to remove it, or {name}='\"\"' for an empty text"
        return None, [_finding(name, message, hint)]
    findings = check_text(text, None)
    node: Node | None = None
    if not findings:
        node, findings = compose(text, None)
    if findings:
        return None, [_as_override(name, finding) for finding in findings]
    read_as = node.text if isinstance(node, ScalarNode) and node.plain and not node.tag else None
    if node is None or (read_as is not None and read_as != text.strip()):
        # A comment (` #`), a line break, an anchor or `---` would be lost.
        message = f"{shown(text)} is read by YAML as {shown(read_as or 'null')}"
        return None, [_finding(name, message, f"put it in quotes: {name}='\"…\"'")]
    return node, []


def _as_override(name: str, finding: Finding) -> Finding:
    """A finding about the text of a value: no file, and the column that was in its message."""
    where = f" (character {finding.column} of the value)" if (finding.line or 0) == 1 else ""
    return replace(
        finding,
        rule="config.override" if finding.rule == "config.syntax" else finding.rule,
        message=printable(finding.message) + where,
        path=_SET + name,
        file=None,
        line=None,
        column=None,
    )


def _put(draft: Draft, override: Override) -> list[Finding]:
    path = override.path
    _make_way(draft, path)
    builder, out = Builder(None, _SET), Built()
    value = builder.value(override.node, path, out)
    if isinstance(path[-1], str):
        out.keys[path] = Place(None, None, None)
    old = draft.at(path[:-1])
    if value == {} and isinstance(old, dict) and old.get(str(path[-1])):
        name = dotted(path)
        message = f"an empty map over {name} changes nothing: maps merge"
        raise _WrongError(message, f"write {name}=null to remove it")
    draft.put(path, value, out.keys, out.values, out.texts)
    return builder.findings


def _make_way(draft: Draft, path: KeyPath) -> None:
    """Creates the maps and lists that lead to the path.

    Raises:
        _WrongError: A value stands in the way, or an index is past the end of its list.
    """
    holder: Data = draft.data
    missing = 0  # parts from here on lead to nothing yet
    for end, part in enumerate(path):
        missing = end
        if not _leads(holder, part, dotted(path[:end])):
            break
        holder = draft.at(path[: end + 1])
        if holder is None:  # a null is replaced by the map or list that is needed
            break
    for end in range(missing + 1, len(path)):
        if isinstance(path[end], int) and path[end] != 0:
            message = f"{dotted(path[:end])} has no items, so [{path[end]}] is past its end"
            raise _WrongError(message, "write [0]")
    for end in range(missing + 1, len(path)):
        keys = {path[:end]: Place(None, None, None)} if isinstance(path[end - 1], str) else {}
        values = {path[:end]: Place(None, None, None)}
        draft.put(path[:end], [] if isinstance(path[end], int) else {}, keys, values, {})


def _leads(holder: Data, part: str | int, name: str) -> bool:
    """Whether `part` is in the holder; False if it could be put there.

    Raises:
        _WrongError: It could not.
    """
    if isinstance(part, str):
        if not isinstance(holder, dict):
            message = f"{name} is not a map, so it has no key {shown(part)}"
            raise _WrongError(message, _what(holder))
        return part in holder
    if not isinstance(holder, list):
        raise _WrongError(f"{name} is not a list, so it has no [{part}]", _what(holder))
    if part > len(holder):
        message = f"{name} has {len(holder)} items, so [{part}] is past its end"
        raise _WrongError(message, f"write an index from 0 to {len(holder)}")
    return part < len(holder)


def _what(holder: Data) -> str:
    if isinstance(holder, dict):
        return "it is a map: write a dot and a key"
    if isinstance(holder, list):
        return "it is a list: write an index, such as [0]"
    return f"it is {shown(str(holder))}: set it as a whole"
