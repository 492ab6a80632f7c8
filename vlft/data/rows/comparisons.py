"""Rows with answers or texts to compare: preferences of `task: rlhf`, embeddings and rerankers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vlft.data import rules
from vlft.data.findings import RowLostError, RowProblem
from vlft.data.rows.columns import ROLES
from vlft.data.rows.length import check_length
from vlft.data.rows.media import Context, check_images
from vlft.data.rows.sample import Sample, to_sample
from vlft.data.rows.tags import check_specials, check_tags
from vlft.data.rows.turns import check_turns
from vlft.data.settings import SEVERAL_TEXTS
from vlft.text import kind, shown

if TYPE_CHECKING:
    from collections.abc import Iterator


_PAIRED = frozenset({"dpo", "rm", "cpo", "simpo", "orpo"})
_CHECKS_OF_ANSWERS = (check_turns, check_tags, check_specials, check_length)


def check_preferences(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """What the method of `rlhf_type` asks of a row beside its answer."""
    if context.settings.task != "rlhf":
        return
    method = context.settings.swift.get("rlhf_type", "dpo")
    if method == "kto":
        yield from _check_label(sample)
    if method in _PAIRED or method == "kto":
        margin = sample.row.get("margin")
        if not _is_number(margin):
            yield rules.MARGIN.found(f"the margin is {shown(margin)}", "write a number", "margin")
    if method not in _PAIRED:
        return
    prefix = "rejected_"
    columns = [key for key in sample.row if key.startswith(prefix)]
    own = {
        key.removeprefix(prefix): sample.row[key] for key in columns if sample.row[key] is not None
    }
    if columns and not own:
        message = "rejected_messages is empty, so the answer itself is taken for the worse one"
        yield rules.REJECTED_SAME.found(message, "write a worse answer there", "rejected_messages")
        return
    try:
        row = rejected_row(sample.row, own)
        rejected = to_sample(row, context.settings.cwd)
    except RowLostError as lost:
        yield lost.problem
        return
    for check in _CHECKS_OF_ANSWERS:
        for problem in check(rejected, context):
            said = f"with the rejected answer, {problem.message}"
            yield problem.rule.found(said, problem.hint, "rejected_response")


def _is_number(value: Any) -> bool:
    """Whether ms-swift can make a number of a value, which may be absent."""
    try:
        float(0 if value is None else value)
    except (TypeError, ValueError):
        return False
    return True


def rejected_row(row: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The row as it would be with the worse answer.

    Args:
        row: As it was loaded.
        own: What its columns of the worse answer say.

    Raises:
        RowLostError: If ms-swift can't tell it.
    """
    messages = own.get("messages")
    if "response" in own:
        asked = max(
            (i for i, one in enumerate(row["messages"]) if one["role"] == "user"), default=-1
        )
        answer = row["messages"][asked + 1 :]
        messages = row["messages"][: asked + 1] + _answers(own["response"], answer)
    if not messages and own:
        messages = row["messages"]  # the same words about other pictures
    if not messages:
        hint = "write a rejected_response beside the answer"
        raise rules.NO_REJECTED.lost("there is no rejected answer", hint)
    # Only where rejected_messages are absent do pictures and boxes of the row serve both.
    shared = {} if "messages" in own else row
    messages = [dict(message) for message in messages]
    return {**shared, **own, "messages": messages}


def _answers(response: Any, answer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    hint = "write a text, or messages of the assistant"
    if isinstance(response, str):
        return [{"role": "assistant", "content": response}]
    if not isinstance(response, list) or not all(isinstance(one, dict) for one in response):
        message = f"rejected_response is {kind(response)}"
        raise rules.REJECTED_FORM.lost(message, hint, "rejected_response")
    if any(one.get("role") == "user" for one in response):
        message = "rejected_response holds a question"
        raise rules.REJECTED_FORM.lost(message, hint, "rejected_response")
    same = [one.get("content") for one in response] == [one.get("content") for one in answer]
    if len(response) == len(answer) == 1 and same:
        message = f"rejected_response equals the answer: {shown(response[0].get('content'))}"
        raise rules.REJECTED_FORM.lost(message, hint, "rejected_response")
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


_STEP: Final = "<cot-process>"
_SIDES: Final = ("positive", "negative")
_MEDIA: Final = ("images", "videos", "audios", "objects", "tools", "label", "channel", "margin")
_CHECKS_OF_CANDIDATES = (check_turns, check_images, check_tags, check_specials, check_length)
_FORM = 'write [[{"role": "user", "content": "…"}], …]'


def check_candidates(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """What `task_type` embedding and reranker ask of a row beside its own text."""
    task = context.settings.swift.get("task_type")
    if task == "prm" and any(_STEP in text for _, text in sample.texts):
        message = f"{_STEP} is in the text, and the model's template has no token for it"
        yield rules.UNENCODABLE.found(message, "process rewards take a model made for them")
    if task not in SEVERAL_TEXTS:
        return
    row = sample.row
    count = 0
    for side in _SIDES:
        if not any(key.startswith(f"{side}_") for key in row):
            continue
        given = row.get(f"{side}_messages")
        key = f"{side}_messages"
        if not isinstance(given, list):
            message = f"{key} is {kind(given)}, where other rows have it"
            yield rules.NO_POSITIVE.found(message, f"{_FORM}, or [] for none", key)
            return
        encoded = given[:1] if task == "embedding" and side == "positive" else given
        count += len(encoded) if task != "embedding" or side == "positive" else 0
        for index in range(len(encoded)):
            yield from _candidate(sample, context, side, index)
    if not count:
        wanted = "positive_messages" if task == "embedding" else "positive or negative messages"
        yield rules.NO_POSITIVE.found(f"there are no {wanted}", _FORM, "positive_messages")
    if task == "embedding" and not _is_number(row.get("label")):
        message = f"the label is {shown(row['label'])}"
        yield rules.LABEL.found(message, "write a number, 1.0 for what is near", "label")


def _candidate(sample: Sample, context: Context, side: str, index: int) -> Iterator[RowProblem]:
    place = f"{side}_messages.{index}"
    try:
        candidate = to_sample(_row_of(sample.row, side, index), context.settings.cwd)
    except RowLostError as lost:
        yield lost.problem.rule.found(f"in {place}, {lost.problem.message}", _FORM, place)
        return
    if context.settings.swift.get("task_type") != "embedding":  # the two are read as one
        candidate.messages = [*sample.messages, *candidate.messages]
        candidate.images = [*sample.images, *candidate.images]
        candidate.videos = [*sample.videos, *candidate.videos]
        candidate.system = sample.system if candidate.system is None else candidate.system
    for check in _CHECKS_OF_CANDIDATES:
        for problem in check(candidate, context):
            yield problem.rule.found(f"with {place}, {problem.message}", problem.hint, place)


def _row_of(row: dict[str, Any], side: str, index: int) -> dict[str, Any]:
    """One conversation of a side, with its part of the columns beside it."""
    given = row[f"{side}_messages"][index]
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise rules.CANDIDATES.lost(f"a conversation is {shown(given)}", _FORM)
    for message in given:
        if message.get("role") not in tuple(ROLES) or "content" not in message:
            said = f"a message is {shown(message)}"
            raise rules.CANDIDATES.lost(said, _FORM)
    made: dict[str, Any] = {"messages": given}
    for name in _MEDIA:
        values = row.get(f"{side}_{name}")
        if values is None:
            continue
        if not isinstance(values, list) or len(values) <= index:
            said = f"{side}_{name} has no entry for it"
            raise rules.CANDIDATES.lost(said, "write a list for each conversation")
        if values[index] is not None:
            made[name] = values[index]
    if not given:
        raise rules.TURNS.lost("it has no messages", _FORM)
    return made
