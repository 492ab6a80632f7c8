"""Which names hold secrets, and how their values are kept out of records and screens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

MASK = "***"

_SECRET_NAME = re.compile(
    r"(^|[_.-])(token|secret|password|passwd|credentials?|api[_-]?key|access[_-]?key"
    r"|secret[_-]?key|private[_-]?key|webhook[_-]?url)$",
    re.IGNORECASE,
)
# Tokens of a vocabulary, not of an account.
_VOCABULARY = re.compile(
    r"(^|_)(pad|eos|bos|unk|mask|stop|sep|cls|image|video)_token$", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?P<head>[a-z][a-z0-9+.-]*://[^/\s:@]*:)[^/\s@]+(?=@)", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether an argument or a variable of this name holds a secret."""
    return bool(_SECRET_NAME.search(name)) and not _VOCABULARY.search(name)


def mask_url(text: str) -> str:
    """A URL without the password in it."""
    return _URL_PASSWORD.sub(rf"\g<head>{MASK}", text)


def mask_data(data: Any) -> Any:
    """Plain data with every secret value masked."""
    if isinstance(data, dict):
        return {
            key: _masked(value)
            if isinstance(key, str) and is_secret_name(key)
            else mask_data(value)
            for key, value in data.items()
        }
    if isinstance(data, (list, tuple)):
        return [mask_data(item) for item in data]
    return mask_url(data) if isinstance(data, str) else data


def _masked(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [MASK for _ in value]
    return MASK if value else value


def secret_values(data: Any) -> set[str]:
    """The secret values in plain data, as text."""
    found: set[str] = set()
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(key, str) and is_secret_name(key) and not isinstance(value, (dict, list)):
                found.add(str(value))
            else:
                found |= secret_values(value)
    elif isinstance(data, list):
        for item in data:
            found |= secret_values(item)
    return {value for value in found if value}


def mask_text(text: str, secrets: Iterable[str]) -> str:
    """A text in which none of the secrets stands, wherever it stood."""
    for secret in sorted(secrets, key=len, reverse=True):
        # Whole words only: a short secret must not eat the middle of other words.
        text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text)
    return mask_url(text)
