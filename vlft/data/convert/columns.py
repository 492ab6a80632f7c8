"""Columns of a row and the names that mean the same (swift/dataset/preprocessor/core.py)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vlft.data.convert.draft import MEDIA, Draft, RejectError, kind_of
from vlft.data.loading.aliases import COLUMNS

if TYPE_CHECKING:
    from vlft.data.convert.draft import Row

KEPT = (
    *("channel", "label", "margin", "chat_template_kwargs", "solution", "rejected_response"),
    *("rejected_messages", "rejected_images"),
)
"""Columns that ms-swift reads and that are passed on as they are."""


class Columns:
    """The columns of a row, taken one by one; what is not taken is left out.

    Names are matched in any case, as ms-swift does.
    """

    def __init__(self, row: Row) -> None:
        self._row = {key.lower(): value for key, value in row.items()}
        if len(self._row) < len(row):
            raise RejectError("two columns differ only in upper and lower case")

    def has(self, *names: str) -> bool:
        """Whether a column of these names holds anything."""
        return any(self._row.get(name) is not None for name in names)

    def take(self, *names: str) -> Any:
        """The value of the column that has one of these names; None if there is none.

        The first name is ms-swift's own and goes before the others; among those, two that
        say different things leave no way to tell.

        Raises:
            RejectError: If two columns could be meant.
        """
        found = {name: self._row.pop(name) for name in names if name in self._row}
        said = {name: value for name, value in found.items() if value not in (None, "", [])}
        if not said:
            return next((value for value in found.values() if value is not None), None)
        if names[0] in said or all(value == next(iter(said.values())) for value in said.values()):
            return said.get(names[0], next(iter(said.values())))
        raise RejectError(f"any of the columns {', '.join(sorted(said))} could be meant")

    def finish(self, draft: Draft) -> None:
        """Media, tools and the further columns that ms-swift reads go into the draft."""
        for column in MEDIA:
            _take_media(self, column, draft)
        draft.objects = self.take("objects")
        tools = self.take("tools")
        if tools:
            if not isinstance(tools, str):
                tools = json.dumps(tools, ensure_ascii=False)
                draft.changes.add("tools")
            draft.kept["tools"] = tools
        for name in KEPT:
            value = self._row.pop(name, None)
            if value is not None:
                draft.kept[name] = value
        for value in self._row.values():
            draft.changes.add("empty-column" if value in (None, "", []) else "extra-column")


def _take_media(columns: Columns, column: str, draft: Draft) -> None:
    names = COLUMNS[column]
    renamed = columns.has(*names[1:])
    value = columns.take(*names)
    if value in (None, "", []):
        if value is not None:
            draft.changes.add("empty-column")
        return
    references = value if isinstance(value, list) else [value]
    if len(references) == 1 and isinstance(references[0], list):
        references = references[0]
    if renamed or references is not value:
        draft.changes.add("media-column")
    draft.media[column] = [_reference(one, column, draft) for one in references]


def _reference(value: Any, column: str, draft: Draft) -> str:
    if isinstance(value, dict):
        inner = value.get("path") or value.get("url") or value.get("bytes")
        draft.changes.add("media-column")
        value = inner
    if not isinstance(value, str) or not value:
        what = "an empty text" if value == "" else kind_of(value)
        raise RejectError(f"an entry of {column} is {what}, not a path")
    return value
