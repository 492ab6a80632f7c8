"""Scores of one answer that is JSON: how many of its fields are right."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from vlft.evaluation.text import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

_FENCE = re.compile(r"```(?:json)?\s*\n?(.*?)```", re.DOTALL | re.IGNORECASE)
_ABSENT = object()


def read_json_answer(text: str) -> Any | None:
    """The object or list in an answer; None if there is none.

    A fence of three backticks around it, and words before or after, are left out; a bare number
    or text is no such answer.
    """
    fenced = _FENCE.search(text)
    candidates = [fenced[1]] if fenced else []
    candidates.append(text)
    for candidate in candidates:
        starts = [place for place in (candidate.find("{"), candidate.find("[")) if place >= 0]
        if starts:
            try:
                found, _ = json.JSONDecoder().raw_decode(candidate, min(starts))
            except (ValueError, RecursionError):
                continue
            return found
    return None


def field_accuracy(prediction: str, answer: str) -> float:
    """Share of fields that are right: right ones over all that either side has.

    A field is a path to a value that is no object or list (`items.0.price`). Texts are compared
    after `normalise`, numbers by value; a text is never a number. A field too many counts like
    one missing, so that saying everything does not pay.
    """
    wanted, said = read_json_answer(answer), read_json_answer(prediction)
    if wanted is None or said is None:
        return 0.0
    left, right = dict(_leaves(wanted)), dict(_leaves(said))
    paths = left.keys() | right.keys()
    if not paths:
        return float(type(wanted) is type(said))
    same = sum(_same(left.get(path, _ABSENT), right.get(path, _ABSENT)) for path in paths)
    return same / len(paths)


def _leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, str(index)))
    else:
        yield path, value


def _same(left: object, right: object) -> bool:
    if isinstance(left, str) and isinstance(right, str):
        return normalise(left) == normalise(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return left == right
