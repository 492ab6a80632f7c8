"""Rows of `task: rlhf`: an answer and a worse one, or an answer and whether it is good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.data import rules
from vlft.data.outcomes import RowLostError
from vlft.data.rows.length import check_length
from vlft.data.rows.sample import to_sample
from vlft.data.rows.tags import check_specials, check_tags
from vlft.data.rows.turns import check_turns
from vlft.text import kind, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.outcomes import RowProblem
    from vlft.data.rows.context import Context
    from vlft.data.rows.sample import Sample

_PAIRED = frozenset({"dpo", "rm", "cpo", "simpo", "orpo"})
_CHECKS = (check_turns, check_tags, check_specials, check_length)


def check_preferences(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """What the method of `rlhf_type` asks of a row beside its answer."""
    if context.settings.task != "rlhf":
        return
    method = context.settings.swift.get("rlhf_type", "dpo")
    if method == "kto":
        yield from _check_label(sample)
    if method in _PAIRED or method == "kto":
        yield from _check_margin(sample.row.get("margin"))
    if method not in _PAIRED:
        return
    if _is_same(sample.row):
        message = "rejected_messages is empty, so the answer itself is taken for the worse one"
        yield rules.REJECTED_SAME.found(message, "write a worse answer there", "rejected_messages")
        return
    try:
        row = rejected_row(sample.row)
        rejected = to_sample(row, context)
    except RowLostError as lost:
        yield lost.problem
        return
    for check in _CHECKS:
        for problem in check(rejected, context):
            said = f"with the rejected answer, {problem.message}"
            yield problem.rule.found(said, problem.hint, "rejected_response")


def _is_same(row: dict[str, Any]) -> bool:
    """Whether columns of a worse answer are there, and all of them empty."""
    own = [value for key, value in row.items() if key.startswith("rejected_")]
    return bool(own) and all(value is None for value in own)


def _check_margin(margin: Any) -> Iterator[RowProblem]:
    try:
        float(0 if margin is None else margin)
    except (TypeError, ValueError):
        yield rules.MARGIN.found(f"the margin is {shown(margin)}", "write a number", "margin")


def rejected_row(row: dict[str, Any]) -> dict[str, Any]:
    """The row as it would be with the worse answer.

    Args:
        row: As it was loaded.

    Raises:
        RowLostError: If ms-swift can't tell it.
    """
    response, messages = row.get("rejected_response"), row.get("rejected_messages")
    if response is not None:
        asked = max(
            (i for i, one in enumerate(row["messages"]) if one["role"] == "user"), default=-1
        )
        answer = row["messages"][asked + 1 :]
        messages = row["messages"][: asked + 1] + _answers(response, answer)
    pictured = any(v is not None for k, v in row.items() if k.startswith("rejected_"))
    if not messages and pictured:
        messages = row["messages"]  # the same words about other pictures
    if not messages:
        hint = "write a rejected_response beside the answer"
        raise RowLostError(rules.NO_REJECTED.found("there is no rejected answer", hint))
    own = {
        key.removeprefix("rejected_"): value
        for key, value in row.items()
        if key.startswith("rejected_") and value is not None
    }
    # Only where rejected_messages are absent do pictures and boxes of the row serve both.
    shared = {} if row.get("rejected_messages") is not None else row
    messages = [dict(message) for message in messages]
    return {**shared, **own, "messages": messages}


def _answers(response: Any, answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    hint = "write a text, or messages of the assistant"
    if isinstance(response, str):
        return [{"role": "assistant", "content": response}]
    if not isinstance(response, list) or not all(isinstance(one, dict) for one in response):
        message = f"rejected_response is {kind(response)}"
        raise RowLostError(rules.REJECTED_FORM.found(message, hint, "rejected_response"))
    if any(one.get("role") == "user" for one in response):
        message = "rejected_response holds a question"
        raise RowLostError(rules.REJECTED_FORM.found(message, hint, "rejected_response"))
    same = [one.get("content") for one in response] == [one.get("content") for one in answer]
    if len(response) == len(answer) == 1 and same:
        message = f"rejected_response equals the answer: {shown(response[0].get('content'))}"
        raise RowLostError(rules.REJECTED_FORM.found(message, hint, "rejected_response"))
    return list(response)


def _check_label(sample: Sample) -> Iterator[RowProblem]:
    label = sample.row.get("label")
    if not isinstance(label, bool | int | float):
        message = f"label is {shown(label)}" if label is not None else "there is no label"
        yield rules.KTO_LABEL.found(message, "write label: true or false", "label")
    if sample.messages[-1]["role"] != "assistant":
        key = f"messages.{len(sample.messages) - 1 + sample.offset}"
        yield rules.KTO_ANSWER.found(
            "the last message is no answer", "end with the assistant's", key
        )
