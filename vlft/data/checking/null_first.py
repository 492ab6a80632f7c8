"""Lists that pyarrow's JSON reader miscounts.

Before it has met a value of a list, it does not know the list's type; of a list that begins
with null then, and goes on, it loses a null, and what it hands out afterwards lies beyond its
memory: ms-swift's process ends, or texts come out of other rows (pyarrow 14 to 26; seen).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vlft.data.reading.schema import BOOL, FLOAT, INT, mixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vlft.data.reading.schema import Schema, Shape

Path = tuple[str, ...]


class NullFirst:
    """What pyarrow knows of the lists of one piece of a file.

    Args:
        schema: Of the file.
    """

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._lists = frozenset(_lists_within(schema.shape, schema.padded))
        self.begin()

    def begin(self) -> None:
        """A new piece begins: nothing is known of it."""
        self._any_row = False
        self._untyped = set(self._lists)

    def know(self, columns: Iterable[str]) -> None:
        """Rows whose lists in these columns have values were read elsewhere."""
        self._any_row = True
        self._untyped.difference_update((column,) for column in columns)

    def of_numbers(self, path: Path) -> bool:
        """Whether a list holds numbers."""
        shape: Shape | None = self._schema.shape
        for key in (*path, "[]"):
            shape = shape and (shape.items if key == "[]" else shape.fields.get(key))
        return shape is not None and bool(shape.kinds & (BOOL | INT | FLOAT))

    def look(self, row: dict[str, Any] | None) -> Path | None:
        """The place of the first list that is miscounted; () for a null row; None if none is."""
        if row is None:
            return None if self._any_row else ()
        self._any_row = True
        if not self._untyped:
            return None
        for key, value in row.items():
            shape = self._schema.shape.fields.get(key)
            if isinstance(value, list | dict) and shape is not None:
                found = self._within(value, shape, (key,))
                if found is not None:
                    return found
        return None

    def _is_null(self, value: Any) -> bool:
        """Whether it is null on its way; NaN and Infinity are where the file is written anew."""
        return value is None or (
            self._schema.mixed and isinstance(value, float) and not math.isfinite(value)
        )

    def _within(self, value: Any, shape: Shape, path: Path) -> Path | None:
        if mixes(shape, self._schema.padded):  # read as text
            return None
        if isinstance(value, dict):
            parts = [(item, shape.fields.get(key), (*path, key)) for key, item in value.items()]
        else:
            inner = shape.items
            if inner is None or mixes(inner, self._schema.padded):  # no null is left of them
                return None
            if path in self._untyped:
                if len(value) > 1 and self._is_null(value[0]):
                    return path
                if not all(map(self._is_null, value)):
                    self._untyped.discard(path)
            parts = [(item, inner, (*path, "[]")) for item in value]
        for item, inner, place in parts:
            if isinstance(item, list | dict) and inner is not None:
                found = self._within(item, inner, place)
                if found is not None:
                    return found
        return None


def _lists_within(shape: Shape, padded: bool, path: Path = ()) -> Iterator[Path]:
    """Places of the lists that are not read as text."""
    if path and mixes(shape, padded):
        return
    if shape.items is not None and not mixes(shape.items, padded):
        yield path
        yield from _lists_within(shape.items, padded, (*path, "[]"))
    for key, field in shape.fields.items():
        yield from _lists_within(field, padded, (*path, key))
