"""Which picture files are the same, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xxhash

from vlft.data.media.picture import HEAD_BYTES

if TYPE_CHECKING:
    from vlft.data.media.picture import Picture

_BLOCK = 1 << 20


class Contents:
    """Tells contents apart by size and head; reads a whole file only where that is not enough.

    Memory: about 200 bytes for each distinct picture.
    """

    def __init__(self) -> None:
        self._firsts: dict[tuple[int, int], str] = {}
        self._numbers: dict[tuple[int, int], dict[int, int]] = {}
        self._known: dict[str, int] = {}

    def key(self, picture: Picture) -> tuple[int, int, int]:
        """Equal for equal contents, and only for those.

        A file that can't be read any more counts as a content of its own. Pictures inside a
        row have no file to compare, so theirs is known by size and head alone.
        """
        group = (picture.size, picture.head_hash)
        if picture.size <= HEAD_BYTES or not picture.path:
            return (*group, 0)
        first = self._firsts.setdefault(group, picture.path)
        if first == picture.path:
            return (*group, 0)
        number = self._known.get(picture.path)
        if number is None:
            numbers = self._numbers.get(group)
            if numbers is None:
                numbers = self._numbers[group] = {_whole_hash(first): 0}
            number = numbers.setdefault(_whole_hash(picture.path), len(numbers))
            self._known[picture.path] = number
        return (*group, number)


def _whole_hash(path: str) -> int:
    state = xxhash.xxh3_64()
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - called for every duplicate
            while block := file.read(_BLOCK):
                state.update(block)
    except OSError:
        return xxhash.xxh3_64_intdigest(path.encode(errors="surrogateescape"))
    return state.intdigest()
