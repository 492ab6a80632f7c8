"""What was read in one call of vlft, so that a thousand configs read a model folder once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Read = TypeVar("Read")


class FactCache:
    """Keeps what functions returned, or the VlftError they raised."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}

    def once(self, read: Callable[..., Read], *key: Hashable, **more: Any) -> Read:
        """`read(*key, **more)`; the first result for the same function and key.

        Args:
            read: Reads files; raises VlftError where it can't.
            key: What it reads.
            more: Arguments that are the same in every call, such as the environment.
        """
        whole = (read, *key)
        if whole not in self._kept:
            try:
                self._kept[whole] = read(*key, **more)
            except VlftError as problem:
                self._kept[whole] = problem
        kept = self._kept[whole]
        if isinstance(kept, VlftError):
            raise kept
        return kept  # type: ignore[no-any-return]
