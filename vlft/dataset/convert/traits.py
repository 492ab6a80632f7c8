"""Which columns and keys a row has, so that the first rows of a file can show them all.

`datasets` fixes the types of a file by its first 10 MiB; what is new later fails the load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.dataset.convert.draft import Row

_PLAIN = ("role", "content")


def traits(row: Row) -> frozenset[str]:
    """The places of a row that hold a value, each with the kind of value."""
    return frozenset(_walk(row, ""))


def _walk(value: Any, place: str) -> Iterator[str]:
    if value is None:
        return
    if isinstance(value, dict):
        if tuple(value) == _PLAIN:  # nearly every message
            yield f"{place}.message"
            return
        for key, inner in value.items():
            yield from _walk(inner, f"{place}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from _walk(inner, f"{place}[]")
    else:
        yield f"{place}:{type(value).__name__}"
