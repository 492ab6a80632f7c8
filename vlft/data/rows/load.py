"""A row on its way through ms-swift's reader: deleted, or in the form that templates take.

swift/dataset/preprocessor/core.py; descriptions of tools: RowPreprocessor._normalize_tools, and
swift/utils/schema_utils.py: remove_arrow_padding.
"""

from __future__ import annotations

import ast
import json
from contextlib import suppress
from typing import Any, Final

from vlft.data import rules
from vlft.data.findings import RowLostError
from vlft.data.reading.schema import Moment
from vlft.data.rows.columns import ROLES, Columns, Reader
from vlft.data.rows.conversations import from_messages, unknown_role
from vlft.text import kind, shown

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


Message = dict[str, Any]


def from_response(row: dict[str, Any], reader: Reader) -> list[Message]:
    """The messages of a row, whose own columns are taken out of it.

    Raises:
        RowLostError: If ms-swift deletes the row.
    """
    if reader == "alpaca":
        _join_instruction(row)
    response = row.pop("response", None)
    if isinstance(response, list | tuple):
        if not response:
            raise rules.ANSWER_LIST.lost(
                "the answer is an empty list", "write the answer as a text", "response"
            )
        response = response[0]
    history = _history(row.pop("history", None))
    query = row.pop("query", None)
    system = row.pop("system", None)
    messages: list[Message] = []
    if system is not None:
        messages.append({"role": "system", "content": system})
    for pair in [*history, [query, response]]:
        for role, content in zip(("user", "assistant"), pair[:2], strict=True):
            if content is not None:
                messages.append({"role": role, "content": content})
    return messages


def _join_instruction(row: dict[str, Any]) -> None:
    instruction, text = row.pop("instruction", None), row.pop("input", None)
    output = row.pop("output", None)
    if output is not None:
        row["response"] = output
    query = f"{instruction}\n{text}" if instruction and text else instruction or text
    if not isinstance(query, str):
        message = f"instruction is {shown(instruction)} and input is {shown(text)}"
        raise rules.ALPACA.lost(message, "write a text in one of them", "instruction")
    row["query"] = query


def _history(value: Any) -> list[Any]:
    hint = 'write it as [["question", "answer"], …], or leave it out'
    history = value or []
    if isinstance(history, str):
        try:
            history = ast.literal_eval(history)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            message = f"history is the text {shown(value)}, which is no list as Python writes it"
            raise rules.HISTORY.lost(message, hint, "history") from None
    if not isinstance(history, list):
        raise rules.HISTORY.lost(f"history is {kind(history)}", hint, "history")
    for index, pair in enumerate(history):
        if not isinstance(pair, list | tuple) or len(pair) < 2:  # noqa: PLR2004 - a pair
            message = f"history entry {index} is {shown(pair)}, not a pair"
            raise rules.HISTORY.lost(message, hint, f"history.{index}")
    return list(history)


_KEPT_OF_MESSAGES = frozenset({"role", "content", "loss", "loss_scale"})
_OBJECT_KEYS = ("ref", "bbox", "bbox_type", "image_id")
_BOX = 4
_POINT = 2
_FORM = '{"ref": […], "bbox": [[x1, y1, x2, y2], …]}'


def load(row: dict[str, Any], columns: Columns) -> dict[str, Any]:
    """The row as it stands in the loaded data set.

    Args:
        row: As `Schema.conform` gives it; it is not changed.
        columns: What becomes of the file's columns.

    Raises:
        RowLostError: If ms-swift deletes the row.
    """
    named: dict[str, Any] = _copied(columns.named(row))
    try:
        if columns.reader == "messages":
            _read_rejected(named)
            named["messages"] = from_messages(named)
        else:
            named["messages"] = from_response(named, columns.reader)
        _check_objects(named)
        _check_rejected(named)
        _check_messages(named["messages"], columns)
        normalize_tools(named)
    except (TypeError, KeyError, AttributeError, ValueError, IndexError) as error:
        message = f"ms-swift's reader fails on it: {type(error).__name__}: {error}"
        raise rules.UNREADABLE.lost(message) from None
    for name in ("images", "videos", "audios"):
        if isinstance(named.get(name), str) or (
            name == "images" and isinstance(named.get(name), dict)
        ):
            named[name] = [named[name]]
    return named


def _copied(value: Any) -> Any:
    """The lists and objects of a row anew: they are changed on the way."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _read_rejected(row: dict[str, Any]) -> None:
    """Messages with a worse answer, under the same names as the others; null for none."""
    value = row.get("rejected_messages")
    if not isinstance(value, list) or not value:
        row.update({"rejected_messages": None} if "rejected_messages" in row else {})
        return
    row["rejected_messages"] = from_messages({"messages": value})


def _check_objects(row: dict[str, Any]) -> None:
    objects = row.get("objects")
    if objects is None:
        return
    hint = f"write it as {_FORM}; where there are none, leave it out"
    if not isinstance(objects, dict):
        message = f"objects is {kind(objects)}"
        raise rules.OBJECTS_FORM.lost(message, hint, "objects")
    found = {key: objects[key] for key in _OBJECT_KEYS if key in objects}
    row["objects"] = found
    if not isinstance(found.get("bbox"), list | str | dict):
        message = f"objects has the keys {', '.join(objects)}, no bbox"
        if "bbox" in found:
            message = f"bbox is {kind(found['bbox'])}"
        raise rules.OBJECTS_FORM.lost(message, hint, "objects")
    for index, box in enumerate(found["bbox"]):
        _check_box(box, f"objects.bbox.{index}")


def _check_box(box: Any, key: str) -> None:
    length = len(box) if isinstance(box, list | str | dict) else None
    if length not in {_BOX, _POINT}:
        message = f"a box is {shown(box)}"
        hint = "write [x1, y1, x2, y2], or [x, y] for a point; polygons go into the text"
        raise rules.BOX_LENGTH.lost(message, hint, key)
    if length == _BOX:  # of an object or a text too, as far as that goes
        for low, high in ((0, 2), (1, 3)):
            if box[low] > box[high]:
                box[low], box[high] = box[high], box[low]


def _check_rejected(row: dict[str, Any]) -> None:
    if "rejected_response" not in row:
        return
    rejected = row["rejected_response"]
    if rejected is None:
        said = "rejected_response is null"
    elif isinstance(rejected, str) and rejected == row["messages"][-1]["content"]:
        said = "rejected_response equals the answer"
    else:
        return
    hint = "write a worse answer, or keep rows without one in another file"
    raise rules.REJECTED.lost(said, hint, "rejected_response")


def _check_messages(messages: list[dict[str, Any]], columns: Columns) -> None:
    if not messages:
        said = "; ".join(
            f"{' and '.join(names)} all mean {new}, so none is taken"
            for new, names in columns.collisions.items()
        )
        text = f"neither a question nor an answer{f': {said}' if said else ''}"
        raise rules.NO_TEXT.lost(text, "name the columns query and response")
    for index, message in enumerate(messages):
        kept = _KEPT_OF_MESSAGES
        if message.get("role") in {"tool", "tool_response"}:
            kept |= {"name"}
        for key in set(message) - kept:
            del message[key]
        if "content" not in message:
            said = f"message {index} has no content"
            hint = "write its text under `content`"
            raise rules.MESSAGES_FORM.lost(said, hint, f"messages.{index}")
        if message["role"] not in ROLES:
            raise unknown_role(index, message["role"])
        if message["content"] is None:
            said = f"message {index} ({message['role']}) has null for its content"
            hint = "write the text, or leave the message out"
            problem = rules.NULL_CONTENT.found(said, hint, f"messages.{index}.content")
            raise RowLostError(problem)
