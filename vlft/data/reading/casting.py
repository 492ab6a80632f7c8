"""Whether a later chunk of a file can be brought into the schema of the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from vlft.data.reading.schema import BOOL, DATE, DICT, FLOAT, INT, LIST, NULL, TEXT, Shape, mixes

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    if path and mixes(first, padded):
        return
    if not shape.kinds & ~NULL:
        return
    wanted = first.kinds & ~NULL
    if shape.conflict:
        # The chunk's values here become JSON texts.
        yield Misfit(path, quoted=bool(wanted & TEXT), said=said(shape, first))
        return
    if not wanted:
        yield Misfit(path, quoted=False, said=said(shape, first))
    elif wanted & LIST:
        yield from _list_misfits(shape, first, padded, path)
    elif wanted & DICT:
        yield from _object_misfits(shape, first, padded, path)
    elif not _castable(shape.kinds & ~NULL, wanted):
        yield Misfit(path, quoted=False, said=said(shape, first))


def _list_misfits(
    shape: Shape, first: Shape, padded: bool, path: tuple[str, ...]
) -> Iterator[Misfit]:
    if not shape.kinds & LIST:
        yield Misfit(path, quoted=False, said=said(shape, first))
    elif shape.items is not None:
        yield from misfits(shape.items, first.items or Shape(), padded, (*path, "[]"))


def _object_misfits(
    shape: Shape, first: Shape, padded: bool, path: tuple[str, ...]
) -> Iterator[Misfit]:
    if not shape.kinds & DICT:
        yield Misfit(path, quoted=False, said=said(shape, first))
        return
    for key, field in shape.fields.items():
        if key not in first.fields:
            text = "a column that the first 10 MiB do not have" if not path else "a new key"
            yield Misfit((*path, key), quoted=False, said=text)
        else:
            yield from misfits(field, first.fields[key], padded, (*path, key))


def _castable(kinds: int, wanted: int) -> bool:
    """Whether arrow casts values of some kinds to the type of others."""
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
