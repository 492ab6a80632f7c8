"""Secrets taken out of YAML documents, in whatever form they are written."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from vlft.config.document import read
from vlft.security.masking import is_named, mask_text
from vlft.security.secrets import MASK, hidden_parts

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLAIN_VALUES: Final = frozenset({"", "null", "~", "true", "false", "yes", "no", "on", "off"})


def masked_lines(document: str) -> list[str]:
    """The lines of a document as they may be shown; their numbers stay.

    Args:
        document: A config, whose secrets are found whatever form they are written in, or another
            text.
    """
    spans, is_whole = _secrets(document)
    found = {part for *_, text, shown in spans for part in hidden_parts(text, shown)}
    lines = document.splitlines(keepends=True)
    starts = list(accumulate(map(len, lines), initial=0))
    for start, end, *_ in reversed(spans):
        index = bisect_right(starts, start) - 1
        while index < len(lines) and starts[index] < end:
            line = lines[index]
            first = max(start - starts[index], 0)
            last = min(end - starts[index], len(line.rstrip()))
            if first < last:
                lines[index] = f"{line[:first]}{MASK}{line[last:]}"
            index += 1
    return [mask_text(line.rstrip("\r\n"), found, pairs=not is_whole) for line in lines]


def mask_document(text: str, secrets: Iterable[str] = ()) -> str:
    """A YAML document whose secret values are masked, however they are written.

    Quoted, escaped, folded and block scalars are all replaced as a whole, so the document stays
    YAML with the same keys.

    Args:
        text: The document.
        secrets: Further values to look for, in comments too.
    """
    spans, is_whole = _secrets(text)
    found = set(secrets)
    for start, end, value, shown in reversed(spans):
        inner = text[start:end]
        tail = inner[len(inner.rstrip()) :]  # the line break after a block
        properties = re.match(r"(?:[&!]\S*\s+)*", inner)
        kept = properties[0] if properties else ""
        instead = json.dumps(shown, ensure_ascii=False)
        text = f"{text[:start]}{kept}{instead}{tail}{text[end:]}"
        found.update(hidden_parts(value, shown))
    return mask_text(text, found, pairs=not is_whole)


class _Span(NamedTuple):
    """Where a secret scalar begins and ends, its text, and what may be shown of it."""

    start: int
    end: int
    text: str
    shown: str


def _secrets(document: str) -> tuple[list[_Span], bool]:
    """The secret values of a document in order, and whether it can be read to its end.

    Of a broken document they are those before the break.
    """
    root, findings, _, scalars, _ = read(document, "")
    found: dict[tuple[int, int], _Span] = {}
    for path, event in scalars:
        named = is_named(path)
        if named is None or event.value.lower() in _PLAIN_VALUES:
            continue
        place = event.start_mark.index, event.end_mark.index
        shown = MASK if named else mask_text(event.value, pairs=False)
        # A value that several keys name is secret if one of them says so.
        if shown != event.value and (named or place not in found):
            found[place] = _Span(*place, event.value, shown)
    return sorted(found.values()), root is not None or not findings
