"""Arrays with keys: `declare -A M=([a]=x)`, `M[b]=y`, `${M[$k]}`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.expand import expand_one
from vlft.importer.shell.texts import Text
from vlft.importer.shell.words import Word, read_word

if TYPE_CHECKING:
    from vlft.importer.shell.syntax import Assignment
    from vlft.importer.shell.texts import Variables

_ITEM: Final = re.compile(r"\[((?:\"[^\"]*\"|'[^']*'|[^\]\"'])*)\]=", re.DOTALL)


def has_keys(assignment: Assignment, variables: Variables) -> bool:
    """Whether an assignment is for an array with keys, or names the place of each item."""
    if assignment.index is not None:
        return assignment.name in variables.keys
    items = assignment.words
    return bool(items) and all(_ITEM.match(word.raw) for word in items)


def assign_keyed(assignment: Assignment, variables: Variables) -> str | None:
    """Sets items by their keys.

    Returns:
        Why that is not known; None if it is.
    """
    name = assignment.name
    adds = assignment.index is not None or assignment.append
    known = zip(variables.keys.get(name, ()), variables.values.get(name, ()), strict=False)
    items = dict(known) if adds else {}
    if assignment.index is not None:
        pairs = [(assignment.index, assignment.words[0])]
    else:
        pairs = [_pair(word) for word in assignment.words]
    for raw, word in pairs:
        key = key_of(raw, variables)
        if key.why is not None:
            return key.why
        items[key.text] = expand_one(word, variables)
    variables.set(name, tuple(items.values()), array=True)
    variables.keys[name] = tuple(items)
    return None


def _pair(word: Word) -> tuple[str, Word]:
    found = _ITEM.match(word.raw)
    if found is None:
        return "", word
    value, _ = read_word(word.raw, found.end())
    return found[1], value


def key_of(raw: str, variables: Variables) -> Text:
    """A key, expanded: `$size`, `"2b"`, `2b`."""
    word, end = read_word(raw, 0)
    return expand_one(word, variables) if end == len(raw) else Text(raw)
