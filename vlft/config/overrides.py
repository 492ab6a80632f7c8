"""--set key=value: the layer above all files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.config.document import MAX_DEPTH, read
from vlft.config.entry import NOWHERE, Entry, KeyPath, dotted, overlay, printable, shown
from vlft.config.syntax import check_text
from vlft.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORM: Final = "write --set section.key=value, for example --set train.learning_rate=1e-4"
_PART: Final = re.compile(
    r"""(?P<dot>\.)?(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s.\[\]"'=]+))"""
    r"|\[(?P<index>[0-9]{1,6})\]"
)


class _WrongError(Exception):
    """An override that can't be used: message and hint."""


class _WrongTextError(Exception):
    """A value that can't be read: findings about its text."""

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__()
        self.findings = findings


def apply(root: Entry | None, overrides: Sequence[str]) -> tuple[Entry | None, list[Finding]]:
    """The config with each override over it, the later over the earlier.

    A value is read as YAML and merges as a file does over what it extends: maps merge, lists
    and scalars replace, null removes. A malformed override changes nothing.

    Args:
        root: The map of sections; None if it can't be read, and only the overrides are.
        overrides: `key=value`, each as after --set.
    """
    findings: list[Finding] = []
    values: list[tuple[KeyPath, Entry, list[Finding]]] = []
    for text in overrides:
        name = ""
        try:
            path, value = _split(text)
            name = dotted(path)
            values.append((path, *_read(path, value)))
        except _WrongError as wrong:
            findings.append(_finding(name, *wrong.args))
        except _WrongTextError as wrong:
            findings += [_as_override(name, finding) for finding in wrong.findings]
    for path, entry, mistakes in values if root is not None else ():
        try:
            root = _put(root, path, 0, entry)
            findings += mistakes
        except _WrongError as wrong:
            findings.append(_finding(dotted(path), *wrong.args))
    return root, findings


def _finding(name: str, message: str, hint: str) -> Finding:
    path = f"--set {name}".strip()
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


def _read(path: KeyPath, text: str) -> tuple[Entry, list[Finding]]:
    """The value and the mistakes in it."""
    name = dotted(path)
    if not text.strip():
        hint = f"write {name}=null to remove it, or {name}='\"\"' for an empty text"
        raise _WrongError(f"{name} is set to nothing", hint)
    wrong = check_text(text, None)
    document = None if wrong else read(text, None, path)
    if document is None or document.findings:
        raise _WrongTextError(wrong if document is None else document.findings)
    root = document.root
    read_as = root.text if root is not None and document.is_plain else None
    if root is None or (read_as is not None and read_as != text.strip()):
        # A comment (` #`), a line break, an anchor or `---` would be lost.
        message = f"{shown(text)} is read by YAML as {shown(read_as or 'null')}"
        raise _WrongError(message, f"put it in quotes: {name}='\"…\"'")
    return root, document.mistakes


def _as_override(name: str, finding: Finding) -> Finding:
    """A finding about the text of a value: no file, and the column that was in its message."""
    where = f" (character {finding.column} of the value)" if (finding.line or 0) == 1 else ""
    rule = "config.override" if finding.rule == "config.syntax" else finding.rule
    message = printable(finding.message) + where
    return Finding(rule, "error", message, f"--set {name}", hint=finding.hint)


def _put(holder: Entry | None, path: KeyPath, at: int, new: Entry) -> Entry:
    """The map or list that leads to the rest of the path, with the new entry put there.

    Args:
        holder: What there is; None or an entry of null is replaced by what the path needs.
        path: Of the new entry.
        at: Parts of the path that lead to the holder.
        new: At the end of the path.

    Raises:
        _WrongError: A value stands in the way, an index is past the end of its list, or nothing
            changes.
    """
    part, name = path[at], dotted(path[:at])
    is_last = at + 1 == len(path)
    if holder is None or holder.value is None:
        if isinstance(part, int) and part != 0:
            message = f"{name} has no items, so [{part}] is past its end"
            raise _WrongError(message, "write [0]")
        key_place = NOWHERE if isinstance(path[at - 1], str) else None
        holder = Entry([] if isinstance(part, int) else {}, NOWHERE, key_place)
    if isinstance(part, int):
        items = _items(holder, part, name)
        below = holder.child(part)
        items[part : part + 1] = [new if is_last else _put(below, path, at + 1, new)]
        return holder._replace(value=items)
    if not isinstance(holder.value, dict):
        message = f"{name} is not a map, so it has no key {shown(part)}"
        raise _WrongError(message, _what(holder))
    entries = dict(holder.value)
    below = entries.get(part)
    if not is_last:
        entries[part] = _put(below, path, at + 1, new)
    elif below is None:
        entries[part] = new
    elif new.value is None:
        del entries[part]
    elif new.value == {} and below.value:
        message = f"an empty map over {dotted(path)} changes nothing: maps merge"
        raise _WrongError(message, f"write {dotted(path)}=null to remove it")
    else:
        entries[part] = overlay(below, new)
    return holder._replace(value=entries)


def _items(holder: Entry, index: int, name: str) -> list[Entry]:
    """A copy of the list's items; the index is of one of them or of the place after the last."""
    if not isinstance(holder.value, list):
        raise _WrongError(f"{name} is not a list, so it has no [{index}]", _what(holder))
    count = len(holder.value)
    if index > count:
        message = f"{name} has {count} items, so [{index}] is past its end"
        raise _WrongError(message, f"write an index from 0 to {count}")
    return list(holder.value)


def _what(holder: Entry) -> str:
    if isinstance(holder.value, dict):
        return "it is a map: write a dot and a key"
    if isinstance(holder.value, list):
        return "it is a list: write an index, such as [0]"
    return f"it is {shown(str(holder.value))}: set it as a whole"
