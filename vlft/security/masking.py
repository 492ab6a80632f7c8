"""Secrets taken out of plain data, texts and YAML documents."""

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

# `NAME=value` and `name: value`, as they are in scripts, messages and YAML. A single small word
# before a colon is often prose ("missing token: x"): it counts where a YAML key can be.
_ASSIGNED: Final = re.compile(
    r"""(?P<head>(?:(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*)(?:=|:\s+)))"""
    r"""(?P<value>"[^"]{0,4096}"|'[^']{0,4096}'|[^\s,;&|)}\]"'`]+)"""
)
_KEY_BEFORE: Final = re.compile(r"(?:^|[\n{,])[ \t-]*$")
_BEARER: Final = re.compile(r"(?P<head>\b(?:bearer|basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE)


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


def mask_text(text: str, secrets: Iterable[str] = ()) -> str:
    """A text in which no secret can be read.

    Args:
        text: A message, a script, a log.
        secrets: Values to look for; what is secret by its name or its form is found without.
    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        if secret in text:
            # Whole words only: a short secret must not eat the middle of other words.
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    text = _ASSIGNED.sub(_masked_assignment, mask(text))
    return _BEARER.sub(rf"\g<head>{MASK}", text)


def _masked_assignment(match: re.Match[str]) -> str:
    name = match["name"]
    word = name.isalpha() and name.islower()
    if word and "=" not in match["head"]:
        line = match.string[max(0, match.start() - 80) : match.start()]
        if _KEY_BEFORE.search(line) is None:
            return match[0]
    return masked_pair(match)


def mask_document(text: str, secrets: Iterable[str] = ()) -> str:
    """A YAML document whose secret values are masked, however they are written.

    Quoted, escaped, folded and block scalars are all replaced as a whole, so the document stays
    YAML with the same keys.

    Args:
        text: The document.
        secrets: Further values to look for, in comments too.
    """
    import yaml  # noqa: PLC0415 - a record is written once a run

    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError):
        return mask_text(text, secrets)
    places: list[tuple[int, int]] = []
    found = set(secrets)
    for node, named in _scalars(root, named=False, seen=set()):
        value = node.value
        if named or mask(value) != value:
            found.update((value,) if named else hidden_parts(value, mask(value)))
            places.append((node.start_mark.index, node.end_mark.index))
    for start, end in sorted(places, reverse=True):
        inner = text[start:end]
        tail = inner[len(inner.rstrip()) :]  # the line break after a block
        text = f'{text[:start]}"{MASK}"{tail}{text[end:]}'
    return mask_text(text, found)


def _scalars(node: Any, *, named: bool, seen: set[int]) -> Iterator[tuple[Any, bool]]:
    """The values in a document that may be secret, and whether their key says so."""
    import yaml  # noqa: PLC0415

    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if name not in REFERENCES:
                yield from _scalars(value, named=named or is_secret_name(name), seen=seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _scalars(item, named=named, seen=seen)
    elif isinstance(node, yaml.ScalarNode) and not _is_plain(node):
        yield node, named


def _is_plain(node: Any) -> bool:
    """Whether a value is nothing, or a truth value."""
    return node.tag in ("tag:yaml.org,2002:null", "tag:yaml.org,2002:bool") or not node.value
