"""What values stand at each place of a file's rows, as pyarrow's JSON reader sees them."""

from __future__ import annotations

from typing import Any

from vlft.data.schema.loose_json import is_date

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

    def merge(self, other: Shape) -> None:
        """Takes in all that another shape has seen."""
        self.kinds |= other.kinds
        if other.items is not None:
            if self.items is None:
                self.items = Shape()
            self.items.merge(other.items)
        if other.keys is not None:
            self.uneven |= other.uneven or (self.keys is not None and self.keys != other.keys)
            self.keys = other.keys if self.keys is None else self.keys
        for key, shape in other.fields.items():
            self.fields.setdefault(key, Shape()).merge(shape)

    @property
    def conflict(self) -> bool:
        """Whether pyarrow finds values of different types here."""
        return _CONFLICTS[self.kinds]

    @property
    def only_dates(self) -> bool:
        """Whether pyarrow makes timestamps of the texts here."""
        return bool(self.kinds & DATE) and not self.kinds & TEXT
