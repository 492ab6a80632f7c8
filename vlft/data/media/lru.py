"""A mapping that forgets what was not asked for lately."""

from __future__ import annotations

from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

ENTRIES = 60_000
"""Of one generation; two of them with pictures take about 60 MB."""


class Remembered(Generic[_Key, _Value]):
    """Keeps the latest entries in bounded memory.

    Two generations: when the young one is full it becomes the old one, and the old one goes.
    To look an entry up costs little more than in a dict, unlike in a list of recent use.
    """

    def __init__(self, entries: int = ENTRIES) -> None:
        self._entries = entries
        self._young: dict[_Key, _Value] = {}
        self._old: dict[_Key, _Value] = {}

    def get(self, key: _Key) -> _Value | None:
        """The value; None if it was never there or is forgotten."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: _Key, value: _Value) -> None:
        """Keeps a value."""
        if len(self._young) >= self._entries:
            self._old, self._young = self._young, {}
        self._young[key] = value

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
