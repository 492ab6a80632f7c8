"""Descriptions of tools on their way into the data set.

swift/dataset/preprocessor/core.py: RowPreprocessor._normalize_tools;
swift/utils/schema_utils.py: remove_arrow_padding
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any, Final

from vlft.data.schema.schema import Moment

COLUMNS: Final = ("tools", "rejected_tools", "positive_tools", "negative_tools")
_NAMED: Final = frozenset(
    {
        "properties",
        "patternProperties",
        "$defs",
        "definitions",
        "dependentSchemas",
        "dependencies",
    }
)
"""Keys of a JSON schema under which names are the user's own."""
_NULL_COUNTS: Final = frozenset({"default", "const"})
_ITEMS_COUNT: Final = frozenset({"enum", "examples"})


def normalize_tools(row: dict[str, Any]) -> None:
    """Makes a list of each column of tools, and drops the nulls that pyarrow put into them."""
    for column in COLUMNS:
        tools = row.get(column)
        if tools is None:
            continue
        if isinstance(tools, str):
            with suppress(ValueError):  # a tool that is a text by itself
                tools = json.loads(tools)
        if not isinstance(tools, list):
            tools = [tools]
        row[column] = [without_padding(_kept(tool)) for tool in tools]


def _kept(value: Any) -> Any:
    """A value as the data set keeps it: what pyarrow took for a date is a number."""
    if isinstance(value, Moment):
        return value.number
    if isinstance(value, list):
        return [_kept(item) for item in value]
    if isinstance(value, dict):
        return {key: _kept(item) for key, item in value.items()}
    return value


def without_padding(schema: Any) -> Any:
    """A schema without its null values, but for those that say something."""
    if isinstance(schema, list):
        return [without_padding(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NULL_COUNTS or key.startswith("x-"):
            kept[key] = value
        elif value is None:
            continue
        elif key in _ITEMS_COUNT:
            kept[key] = value
        elif key in _NAMED and isinstance(value, dict):
            kept[key] = {
                name: without_padding(item) for name, item in value.items() if item is not None
            }
        else:
            kept[key] = without_padding(value)
    return kept
