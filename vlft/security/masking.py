"""Secrets taken out of plain data, texts and YAML documents."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from vlft.security.secrets import (
    MASK,
    REFERENCES,
    Secret,
    hidden_parts,
    is_secret_name,
    mask,
    masked_pair,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_VALUE: Final = r"""(?P<value>"[^"]{0,4096}"|'[^']{0,4096}'|[^\s,;&|)}\]"'`]+)"""
_ASSIGNED: Final = rf"(?P<head>(?<![\w.-])-{{0,2}}(?P<name>[A-Za-z_][\w.-]*)=){_VALUE}"
# A single small word before a colon is often prose ("missing token: x"): it counts where a YAML
# key can be.
_NAMED: Final = rf"(?P<head>(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*):\s+){_VALUE}"
_LINE: Final = r"(?m)(?P<head>^[ \t-]*(?P<name>[\w.-]+):[ \t]+)(?P<value>\S.*?)(?=[ \t]+#|$)"
_KEY_BEFORE: Final = r"(?:^|[\n{,])[ \t-]*$"
_BEARER: Final = r"(?i)(?P<head>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}"
_FLAG: Final = (
    r"""(?P<head>(?<!\S)--(?P<name>[\w-]+)\s+)(?P<value>"[^"]{0,4096}"|'[^']{0,4096}'|[^\s-]\S*)"""
)


def mask_data(data: Any) -> Any:
    """Plain data with every secret value masked."""
    if isinstance(data, dict):
        return {key: _masked_item(key, value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [mask_data(item) for item in data]
    if isinstance(data, Secret):
        return str(data)
    return mask(data) if isinstance(data, str) else data


def _masked_item(key: object, value: object) -> object:
    if key in REFERENCES:
        return value
    return _masked(value) if _is_secret(key) else mask_data(value)


def _masked(value: object) -> object:
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(item) for item in value]
    return value if value is None or isinstance(value, bool) or value == "" else MASK


def _is_secret(key: object) -> bool:
    return isinstance(key, str) and is_secret_name(key)


def secret_values(data: Any) -> set[str]:
    """The secrets in plain data, as text."""
    return {value for value in _secrets_in(data, named=False) if value}


def _secrets_in(data: Any, *, named: bool) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key not in REFERENCES:
                yield from _secrets_in(value, named=named or _is_secret(key))
    elif isinstance(data, (list, tuple)):
        for item in data:
            yield from _secrets_in(item, named=named)
    elif isinstance(data, str) and not named:
        yield from hidden_parts(data, mask(data))
    elif named and data is not None and not isinstance(data, bool):
        yield str(data)


def mask_text(text: str, secrets: Iterable[str] = (), *, pairs: bool = True) -> str:
    """A text in which no secret can be read.

    Args:
        text: A message, a script, a log.
        secrets: Values to look for; what is secret by its name or its form is found without.
        pairs: Whether `name: value` counts, beside `NAME=value` and `--name value`.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if secret in text:
            # Whole words only: a short secret must not eat the middle of other words.
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    text = re.sub(_BEARER, rf"\g<head>{MASK}", mask(text))
    text = re.sub(_ASSIGNED, masked_pair, text)
    if "--" in text:
        text = re.sub(_FLAG, masked_pair, text)
    return re.sub(_NAMED, _masked_name, re.sub(_LINE, masked_pair, text)) if pairs else text


def _masked_name(match: re.Match[str]) -> str:
    name = match["name"]
    if match["value"].lower() in ("bearer", "basic"):
        return match[0]  # what follows has been masked
    if name.isalpha() and name.islower():
        line = match.string[max(0, match.start() - 80) : match.start()]
        if re.search(_KEY_BEFORE, line) is None:
            return match[0]
    return masked_pair(match)


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
