"""Rows for embedding models and rerankers: a text, and others that are near it or far from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from vlft.data import rules
from vlft.data.outcomes import RowLostError
from vlft.data.rows.aliases import ROLES
from vlft.data.rows.length import check_length
from vlft.data.rows.media import check_images
from vlft.data.rows.sample import to_sample
from vlft.data.rows.tags import check_specials, check_tags
from vlft.data.rows.turns import check_turns
from vlft.data.settings import SEVERAL_TEXTS
from vlft.text import kind, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.outcomes import RowProblem
    from vlft.data.rows.context import Context
    from vlft.data.rows.sample import Sample

_STEP: Final = "<cot-process>"
_SIDES: Final = ("positive", "negative")
_MEDIA: Final = ("images", "videos", "audios", "objects", "tools", "label", "channel", "margin")
_CHECKS = (check_turns, check_images, check_tags, check_specials, check_length)
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
    if task == "embedding":
        try:
            float(1 if row.get("label") is None else row["label"])
        except (TypeError, ValueError):
            message = f"the label is {shown(row['label'])}"
            yield rules.LABEL.found(message, "write a number, 1.0 for what is near", "label")


def _candidate(sample: Sample, context: Context, side: str, index: int) -> Iterator[RowProblem]:
    place = f"{side}_messages.{index}"
    try:
        candidate = to_sample(_row_of(sample.row, side, index), context)
    except RowLostError as lost:
        yield lost.problem.rule.found(f"in {place}, {lost.problem.message}", _FORM, place)
        return
    if context.settings.swift.get("task_type") != "embedding":  # the two are read as one
        candidate.messages = [*sample.messages, *candidate.messages]
        candidate.images = [*sample.images, *candidate.images]
        candidate.videos = [*sample.videos, *candidate.videos]
        candidate.system = sample.system if candidate.system is None else candidate.system
    for check in _CHECKS:
        for problem in check(candidate, context):
            yield problem.rule.found(f"with {place}, {problem.message}", problem.hint, place)


def _row_of(row: dict[str, Any], side: str, index: int) -> dict[str, Any]:
    """One conversation of a side, with its part of the columns beside it."""
    given = row[f"{side}_messages"][index]
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise RowLostError(rules.CANDIDATES.found(f"a conversation is {shown(given)}", _FORM))
    for message in given:
        if message.get("role") not in tuple(ROLES) or "content" not in message:
            said = f"a message is {shown(message)}"
            raise RowLostError(rules.CANDIDATES.found(said, _FORM))
    made: dict[str, Any] = {"messages": given}
    for name in _MEDIA:
        values = row.get(f"{side}_{name}")
        if values is None:
            continue
        if not isinstance(values, list) or len(values) <= index:
            said = f"{side}_{name} has no entry for it"
            raise RowLostError(rules.CANDIDATES.found(said, "write a list for each conversation"))
        if values[index] is not None:
            made[name] = values[index]
    if not given:
        raise RowLostError(rules.TURNS.found("it has no messages", _FORM))
    return made
