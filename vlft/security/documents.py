"""Secrets taken out of YAML documents, in whatever form they are written."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from vlft.security.masking import mask_text
from vlft.security.secrets import MASK, REFERENCES, hidden_parts, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterable


def masked_lines(document: str) -> list[str]:
    """The lines of a document as they may be shown; their numbers stay.

    Args:
        document: A config, whose secrets are found whatever form they are written in, or another
            text.
    """
    reader = _Reader(document)
    spans = reader.spans()
    found = {part for *_, value in spans for part in hidden_parts(value.text, value.shown)}
    lines = document.splitlines(keepends=True)
    starts = list(accumulate(map(len, lines), initial=0))
    for start, end, _ in reversed(spans):
        index = bisect_right(starts, start) - 1
        while index < len(lines) and starts[index] < end:
            line = lines[index]
            first = max(start - starts[index], 0)
            last = min(end - starts[index], len(line.rstrip()))
            if first < last:
                lines[index] = f"{line[:first]}{MASK}{line[last:]}"
            index += 1
    pairs = not reader.is_whole
    return [mask_text(line.rstrip("\r\n"), found, pairs=pairs) for line in lines]


def mask_document(text: str, secrets: Iterable[str] = ()) -> str:
    """A YAML document whose secret values are masked, however they are written.

    Quoted, escaped, folded and block scalars are all replaced as a whole, so the document stays
    YAML with the same keys.

    Args:
        text: The document.
        secrets: Further values to look for, in comments too.
    """
    reader = _Reader(text)
    found = set(secrets)
    for start, end, value in reversed(reader.spans()):
        inner = text[start:end]
        tail = inner[len(inner.rstrip()) :]  # the line break after a block
        properties = re.match(r"(?:[&!]\S*\s+)*", inner)
        kept = properties[0] if properties else ""
        text = (
            f"{text[:start]}{kept}{json.dumps(value.shown, ensure_ascii=False)}{tail}{text[end:]}"
        )
        found.update(hidden_parts(value.text, value.shown))
    return mask_text(text, found, pairs=not reader.is_whole)


@dataclass(frozen=True)
class _Value:
    """A scalar, and what may be shown of it."""

    text: str
    shown: str


Span = tuple[int, int, _Value]
"""Where a secret scalar begins and ends."""


@dataclass
class _Level:
    """A mapping or a list that is being read.

    Attributes:
        named: Whether a key around it says that all in it is secret; None: all in it is plain.
        is_mapping: Whether it has keys.
        key: Of the value that comes next; None in a list, and where a key comes next.
    """

    named: bool | None
    is_mapping: bool
    key: str | None = None

    def named_next(self) -> bool | None:
        """Whether the next value is secret by a key."""
        if self.named is None or self.key in REFERENCES:
            return None
        return self.named or is_secret_name(self.key or "")


class _Reader:
    """Finds the secret values of a YAML document; of a broken one those before the break.

    Attributes:
        is_whole: Whether it is YAML to its end.
    """

    def __init__(self, document: str) -> None:
        self._document = document
        self._levels = [_Level(named=False, is_mapping=False)]
        self._anchors: dict[str, tuple[int, int, str]] = {}
        self._spans: dict[tuple[int, int], _Value] = {}
        self.is_whole = False

    def spans(self) -> list[Span]:
        """The secret values, in order."""
        import yaml  # noqa: PLC0415 - only where something is wrong, or recorded

        with suppress(yaml.YAMLError):
            for event in yaml.parse(self._document, Loader=yaml.CSafeLoader):
                self._read(event)
            self.is_whole = True
        return [(*place, value) for place, value in sorted(self._spans.items(), key=_place)]

    def _read(self, event: Any) -> None:
        level = self._levels[-1]
        kind = type(event).__name__
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            self._levels.append(_Level(level.named_next(), kind == "MappingStartEvent"))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._levels.pop()
            above = self._levels[-1]
            above.key = None if above.key is not None or not above.is_mapping else ""
        elif kind in ("ScalarEvent", "AliasEvent"):
            scalar = kind == "ScalarEvent"
            if level.is_mapping and level.key is None:
                level.key = event.value if scalar else ""
            else:
                self._read_value(event, level.named_next(), is_scalar=scalar)
                level.key = None

    def _read_value(self, event: Any, named: bool | None, *, is_scalar: bool) -> None:
        if is_scalar:
            start, end, value = event.start_mark.index, event.end_mark.index, event.value
            if event.anchor is not None:
                self._anchors[event.anchor] = start, end, value
        elif named and event.anchor in self._anchors:
            start, end, value = self._anchors[event.anchor]
        else:
            return
        if named is None or value.lower() in _PLAIN_VALUES:
            return
        shown = MASK if named else mask_text(value, pairs=False)
        if shown != value:
            self._spans[start, end] = _Value(value, shown)


def _place(item: tuple[tuple[int, int], _Value]) -> tuple[int, int]:
    return item[0]


_PLAIN_VALUES: Final = frozenset({"", "null", "~", "true", "false", "yes", "no", "on", "off"})
