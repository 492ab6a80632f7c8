"""Rows with a question and an answer: query, response, history, and Alpaca's columns."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from vlft.dataset.fates import RowLostError
from vlft.dataset.loading import rules
from vlft.dataset.loading.texts import kind, shown

if TYPE_CHECKING:
    from vlft.dataset.loading.columns import Reader

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
            raise RowLostError(
                rules.ANSWER_LIST.found(
                    "the answer is an empty list", "write the answer as a text", "response"
                )
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
        raise RowLostError(
            rules.ALPACA.found(message, "write a text in one of them", "instruction")
        )
    row["query"] = query


def _history(value: Any) -> list[Any]:
    hint = 'write it as [["question", "answer"], …], or leave it out'
    history = value or []
    if isinstance(history, str):
        try:
            history = ast.literal_eval(history)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            message = f"history is the text {shown(value)}, which is no list as Python writes it"
            raise RowLostError(rules.HISTORY.found(message, hint, "history")) from None
    if not isinstance(history, list):
        raise RowLostError(rules.HISTORY.found(f"history is {kind(history)}", hint, "history"))
    for index, pair in enumerate(history):
        if not isinstance(pair, list | tuple) or len(pair) < 2:  # noqa: PLR2004 - a pair
            message = f"history entry {index} is {shown(pair)}, not a pair"
            raise RowLostError(rules.HISTORY.found(message, hint, f"history.{index}"))
    return list(history)
