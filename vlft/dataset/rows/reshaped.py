"""Texts that come back from a mixed column as something else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.dataset.fates import row_rule
from vlft.dataset.loading.texts import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.dataset.fates import RowProblem

RESHAPED = row_rule(
    "row.reshaped",
    "error",
    "silently_wrong",
    "In a column that holds texts and other things, no text is JSON itself: it is read back as "
    "what it says.",
    "datasets/utils/json.py: json_encode_field",
)
_READ = frozenset(
    {"messages", "conversations", "conversation", "query", "response", "system", "history"}
)


def reshaped(row: dict[str, Any], conformed: dict[str, Any]) -> Iterator[RowProblem]:
    """Texts of the row that ms-swift gets in another form.

    Args:
        row: As the file has it.
        conformed: As `Schema.conform` gives it.
    """
    for column, value in row.items():
        if column.lower() in _READ:
            for key, before, after in _changed(value, conformed.get(column), column):
                message = f"the text {shown(before)} comes back as {shown(after)}"
                hint = "write all contents of the file as texts, or all as lists of parts"
                yield RESHAPED.found(message, hint, key)


def _changed(before: Any, after: Any, key: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, str):
        # A list of messages may stand as JSON text: ms-swift reads either.
        whole = key.count(".") == 0 and isinstance(after, list)
        if before != after and not whole:
            yield key, before, getattr(after, "number", after)
    elif isinstance(before, list) and isinstance(after, list):
        for index, (one, two) in enumerate(zip(before, after, strict=False)):
            yield from _changed(one, two, f"{key}.{index}")
    elif isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from _changed(value, after.get(name), f"{key}.{name}")
