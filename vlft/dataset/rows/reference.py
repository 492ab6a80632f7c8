"""What an entry of `images` refers to."""

from __future__ import annotations

from typing import Any

_KEYS = frozenset({"bytes", "path"})


def reference_of(given: Any) -> str | bytes | None:
    """A path, URL or base64 text, or the bytes of a file; None if ms-swift can't read it.

    Args:
        given: An entry of a loaded row. The content of an object's `bytes` is taken as it
            stands, for a picture file: JSON has no bytes, and base64 is not decoded there.
    """
    if isinstance(given, dict):
        if "bytes" not in given and not given.keys() <= _KEYS:
            return None
        content = given.get("bytes")
        if isinstance(content, str) and content:
            return content.encode("utf-8", "surrogatepass")
        given = content or given.get("path")
    return given if isinstance(given, str | bytes) else None
