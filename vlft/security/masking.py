"""Secrets taken out of plain data and of texts."""

from __future__ import annotations

import re
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

    from vlft.config.entry import KeyPath

_SHORTEST: Final = 3
"""Characters of a value that is looked for: less is a part of anything."""
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


def is_named(path: KeyPath) -> bool | None:
    """Whether a key on the way to a value says that it is secret; None: one says that it is not."""
    for part in path:
        if part in REFERENCES:
            return None
        if isinstance(part, str) and is_secret_name(part):
            return True
    return False


def mask_data(data: Any, path: KeyPath = ()) -> Any:
    """Plain data with every secret value masked; `path` is that of the keys around it."""
    if isinstance(data, dict):
        return {key: mask_data(value, (*path, key)) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [mask_data(item, path) for item in data]
    named = is_named(path)
    if named:
        return data if data is None or isinstance(data, bool) or data == "" else MASK
    if named is None or not isinstance(data, (str, Secret)):
        return data
    return mask(data) if isinstance(data, str) else str(data)


def _values(data: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """The values of plain data that are no containers, with their keys."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _values(value, (*path, key))
    elif isinstance(data, (list, tuple)):
        for index, item in enumerate(data):
            yield from _values(item, (*path, index))
    else:
        yield path, data


def places_of_secrets(data: Any, place: KeyPath = ()) -> Iterator[KeyPath]:
    """The keys of plain data under which a text holds a secret that can be read.

    Args:
        data: A section of the config.
        place: Its key.
    """
    for path, value in _values(data, place):
        if isinstance(value, str) and mask_text(value, pairs=False) != value:
            yield path


def secret_values(data: Any) -> set[str]:
    """The secrets in plain data, as text."""
    found: set[str] = set()
    for path, value in _values(data):
        named = is_named(path)
        if named and value is not None and not isinstance(value, bool):
            found.add(str(value))
        elif named is False and isinstance(value, str):
            found.update(hidden_parts(value, mask(value)))
    return found - {""}


def mask_text(text: str, secrets: Iterable[str] = (), *, pairs: bool = True) -> str:
    """A text in which no secret can be read.

    Args:
        text: A message, a script, a log.
        secrets: Values to look for; what is secret by its name or its form is found without.
        pairs: Whether `name: value` counts, beside `NAME=value` and `--name value`.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST and secret in text:
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
