"""What pyarrow makes of the rest of a file: later chunks, and lists that begin with null."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vlft.data.reading.schema import (
    BOOL,
    DATE,
    DICT,
    FLOAT,
    INT,
    LIST,
    NULL,
    TEXT,
    Schema,
    Shape,
    mixes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


_NAMES: Final = {
    NULL: "null",
    BOOL: "true or false",
    INT: "an integer",
    FLOAT: "a number with a fraction",
    TEXT: "a text",
    DATE: "a date",
    LIST: "a list",
    DICT: "an object",
}


class Misfit(NamedTuple):
    """A place where a later chunk differs.

    Attributes:
        path: Keys, `[]` for the items of a list.
        quoted: The load goes on, with every text at this place JSON-quoted from this chunk to
            the end of the file; otherwise the load fails.
        said: What stands there, and what stood there in the first chunk.
    """

    path: tuple[str, ...]
    quoted: bool
    said: str


def fits(shape: Shape, first: Shape, padded: bool) -> bool:
    """Whether all that was seen was seen in the first chunk as well: nothing to be cast."""
    if mixes(first, padded):
        return True
    allowed = first.kinds | NULL
    allowed |= DATE if allowed & TEXT else 0
    allowed |= INT if allowed & FLOAT else 0
    if shape.kinds & ~allowed:
        return False
    if shape.items is not None and (
        first.items is None or not fits(shape.items, first.items, padded)
    ):
        return False
    return all(
        key in first.fields and fits(field, first.fields[key], padded)
        for key, field in shape.fields.items()
    )


def misfits(
    shape: Shape, first: Shape, padded: bool, path: tuple[str, ...] = ()
) -> Iterator[Misfit]:
    """What goes wrong with a later chunk.

    Args:
        shape: Exactly what stands in that chunk.
        first: The same of the first chunk.
        padded: As in `Schema`.
        path: Where both stand.
    """
    kinds, wanted = shape.kinds & ~NULL, first.kinds & ~NULL
    if not kinds or (path and mixes(first, padded)):
        return
    if shape.conflict:
        # The chunk's values here become JSON texts.
        yield Misfit(path, quoted=bool(wanted & TEXT), said=said(shape, first))
    elif not _castable(kinds, wanted):
        yield Misfit(path, quoted=False, said=said(shape, first))
    elif shape.items is not None:
        yield from misfits(shape.items, first.items or Shape(), padded, (*path, "[]"))
    else:
        for key, field in shape.fields.items():
            if key in first.fields:
                yield from misfits(field, first.fields[key], padded, (*path, key))
            else:
                text = "a new key" if path else "a column that the first 10 MiB do not have"
                yield Misfit((*path, key), quoted=False, said=text)


def _castable(kinds: int, wanted: int) -> bool:
    """Whether arrow casts values of some kinds to the type of others."""
    if wanted & (LIST | DICT):
        return not kinds & ~wanted
    if wanted & TEXT:
        return not kinds & (LIST | DICT)
    if wanted & FLOAT:
        return not kinds & ~(FLOAT | INT | BOOL)
    if wanted & INT:
        return not kinds & ~(INT | BOOL)
    return not kinds & ~wanted


def said(shape: Shape, first: Shape) -> str:
    """What stands at a place, and what stood there before, in words."""
    new = shape.kinds & ~(first.kinds | NULL) or shape.kinds & ~NULL
    return f"{_words(new)} where the first 10 MiB have {_words(first.kinds)}"


def _words(kinds: int) -> str:
    found = [name for kind, name in _NAMES.items() if kinds & kind]
    return " or ".join(found) or "only empty lists"


Path = tuple[str, ...]


class NullFirst:
    """What pyarrow's JSON reader knows of the lists of one piece of a file, which it miscounts.

    Before it has met a value of a list, it does not know the list's type; of a list that begins
    with null then, and goes on, it loses a null, and what it hands out afterwards lies beyond its
    memory: ms-swift's process ends, or texts come out of other rows (pyarrow 14 to 26; seen).

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
