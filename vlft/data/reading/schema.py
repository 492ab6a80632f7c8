"""What stands at each place of a file's rows, and the schema that the first 10 MiB fix."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from vlft.data.reading.lines import NotJsonError, Row, is_date, loose_loads, milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping


NULL, BOOL, INT, FLOAT, TEXT, DATE, LIST, DICT = (1 << n for n in range(8))
_GROUPS = (BOOL, INT | FLOAT, TEXT | DATE, LIST, DICT)
"""Kinds that pyarrow reads into one type; two groups at one place are a conflict."""
_CONFLICTS = [sum(bool(kinds & group) for group in _GROUPS) > 1 for kinds in range(1 << 8)]

_KINDS: dict[type, int] = {
    type(None): NULL,
    bool: BOOL,
    int: INT,
    float: FLOAT,
    str: TEXT,
    list: LIST,
    dict: DICT,
}
_INT64 = 1 << 63


class Shape:
    """All that was seen at one place.

    Attributes:
        kinds: Flags of the kinds of values.
        items: Shape of the items of lists; None if there was none.
        fields: Shapes of an object's values by key, in order of appearance.
        keys: Keys of the first object.
        uneven: Whether objects differ in their keys, or have none.
    """

    __slots__ = ("fields", "items", "keys", "kinds", "uneven")

    def __init__(self) -> None:
        self.kinds = 0
        self.items: Shape | None = None
        self.fields: dict[str, Shape] = {}
        self.keys: frozenset[str] | None = None
        self.uneven = False

    def add(self, value: Any) -> None:
        """Takes a value in."""
        kind = _KINDS[type(value)]
        if kind == TEXT:
            # Texts are dates only as long as all of them are.
            if not self.kinds & TEXT and is_date(value):
                kind = DATE
        elif kind == LIST:
            if value:
                if self.items is None:
                    self.items = Shape()
                for item in value:
                    self.items.add(item)
        elif kind == DICT:
            self._add_fields(value)
        elif kind == INT and not -_INT64 <= value < _INT64:
            kind = FLOAT
        self.kinds |= kind

    def add_rows(self, rows: Iterable[Row]) -> None:
        """Takes rows of a file in, one after the other."""
        for row in rows:
            self.add(row.value or {})

    def _add_fields(self, value: dict[str, Any]) -> None:
        if self.keys is None:
            self.keys = frozenset(value)
            self.uneven = not value
        elif not self.uneven and value.keys() != self.keys:
            self.uneven = True
        fields = self.fields
        for key, item in value.items():
            shape = fields.get(key)
            if shape is None:
                shape = fields[key] = Shape()
            shape.add(item)

    @property
    def conflict(self) -> bool:
        """Whether pyarrow finds values of different types here."""
        return _CONFLICTS[self.kinds]

    @property
    def only_dates(self) -> bool:
        """Whether pyarrow makes timestamps of the texts here."""
        return bool(self.kinds & DATE) and not self.kinds & TEXT


class Moment(Struct, frozen=True):
    """A text that pyarrow took for a point in time.

    Attributes:
        text: As written.
        number: What ms-swift has in its place: milliseconds since 1970.
    """

    text: str
    number: int


class Schema:
    """What a row goes through between the file and ms-swift.

    Args:
        shape: Of the rows of the first chunk; its fields are the columns.
        padded: Whether every object gets all keys of its place: where ujson can't read all
            lines (a blank one is enough), nobody looks for objects with different keys.
    """

    def __init__(self, shape: Shape, *, padded: bool = False) -> None:
        self.shape = shape
        self.padded = padded
        self.columns = tuple(shape.fields)
        self._plan = {key: _plan(field, padded) for key, field in shape.fields.items()}
        self.plain = not any(plan is not None for plan in self._plan.values())
        self.mixed = not padded and _is_mixed(shape)

    def conform(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row as ms-swift's preprocessor gets it: every column, null where it has none."""
        plans = self._plan
        return {
            key: row.get(key) if plan is None else _conform(row.get(key), plan)
            for key, plan in plans.items()
        }


def mixes(shape: Shape, padded: bool) -> bool:
    """Whether `datasets` keeps the values of a place as JSON text."""
    return shape.conflict or (bool(shape.kinds & DICT) and shape.uneven and not padded)


def _is_mixed(shape: Shape) -> bool:
    """Whether any place within is kept as JSON text."""
    inner = [*shape.fields.values(), *([] if shape.items is None else [shape.items])]
    return any(mixes(one, padded=False) or _is_mixed(one) for one in inner)


def conflicts(shape: Shape, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Places where pyarrow finds values of different types."""
    if shape.conflict:
        yield path
        return
    if shape.items is not None:
        yield from conflicts(shape.items, (*path, "[]"))
    for key, field in shape.fields.items():
        yield from conflicts(field, (*path, key))


# None: as it is; "json": read back from JSON text; "date"; "float"; a plan of items; a plan by key.
_Plan = Any


def _plan(shape: Shape, padded: bool) -> _Plan:
    if mixes(shape, padded):
        return "json"
    if shape.only_dates:
        return "date"
    if shape.kinds & FLOAT and shape.kinds & INT:
        return "float"
    if shape.kinds & LIST and shape.items is not None:
        items = _plan(shape.items, padded)
        return None if items is None else [items]
    if shape.kinds & DICT:
        fields = {key: _plan(field, padded) for key, field in shape.fields.items()}
        if shape.uneven or any(plan is not None for plan in fields.values()):
            return fields
    return None


def _conform(value: Any, plan: _Plan) -> Any:
    if plan is None or value is None:
        return value
    if isinstance(plan, str):
        return _LEAVES[plan](value)
    if isinstance(plan, list):
        return [_conform(item, plan[0]) for item in value] if isinstance(value, list) else value
    if not isinstance(value, dict):
        return value
    return {key: _conform(value.get(key), inner) for key, inner in plan.items()}


def _moment(value: Any) -> Any:
    number = milliseconds(value) if isinstance(value, str) else None
    return value if number is None else Moment(value, number)


def _float(value: Any) -> Any:
    try:
        return float(value) if type(value) is int else value
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _read_back(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None  # ujson has no other way to write it
    if not isinstance(value, str):
        return value
    try:
        return loose_loads(value)
    except NotJsonError:
        return value


_LEAVES: Mapping[str, Callable[[Any], Any]] = {
    "json": _read_back,
    "date": _moment,
    "float": _float,
}
