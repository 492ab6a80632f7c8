"""Scores of one answer: text, boxes, and fields of JSON; and their means, with intervals."""

from __future__ import annotations

import json
import math
import random
import re
import unicodedata
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ANLS_THRESHOLD = 0.5
"""Normalised distance from which an answer counts nothing (arXiv:1905.13648)."""

_QUOTES = "\"'`\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb"
_SPACE = re.compile(r"\s+")


def exact_match(prediction: str, answer: str) -> float:
    """1 if both are the same text but for space around it, else 0."""
    return float(prediction.strip() == answer.strip())


def normalise(text: str) -> str:
    """A text without what a reader would not call a difference.

    Unicode's compatible form (NFKC), no case, one space for any run of white space, no quotes
    around it and no full stop at its end.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    plain = _SPACE.sub(" ", folded).strip().strip(_QUOTES)
    return plain.removesuffix(".").strip().strip(_QUOTES)


def normalised_match(prediction: str, answer: str) -> float:
    """1 if both are the same after `normalise`, else 0."""
    return float(normalise(prediction) == normalise(answer))


def anls(prediction: str, answer: str, threshold: float = ANLS_THRESHOLD) -> float:
    """Normalised Levenshtein similarity of one answer; over rows its mean is ANLS.

    1 - NL where NL, the edit distance over the length of the longer text, is below the
    threshold, else 0. Case and space around the texts do not count. Definition: Biten et al.,
    Scene Text Visual Question Answering, ICCV 2019 (arXiv:1905.13648).
    """
    first, second = prediction.strip().lower(), answer.strip().lower()
    longer = max(len(first), len(second))
    if not longer:
        return 1.0
    distance = edit_distance(first, second) / longer
    return 1 - distance if distance < threshold else 0.0


def edit_distance(first: str, second: str) -> int:
    """Fewest insertions, deletions and replacements of one character (Levenshtein)."""
    if len(first) < len(second):
        first, second = second, first
    row = list(range(len(second) + 1))
    for index, left in enumerate(first, start=1):
        diagonal, row[0] = row[0], index
        for place, right in enumerate(second, start=1):
            cost = diagonal if left == right else 1 + min(diagonal, row[place], row[place - 1])
            diagonal, row[place] = row[place], cost
    return row[-1]


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

_NUMBER = r"\s*(-?\d+(?:\.\d+)?)\s*"
_BOX = re.compile(
    rf"\({_NUMBER},{_NUMBER}\)\s*,\s*\({_NUMBER},{_NUMBER}\)"
    rf"|\[{_NUMBER},{_NUMBER},{_NUMBER},{_NUMBER}\]"
)


def read_boxes(text: str) -> list[Box]:
    """All boxes in a text, corners in order."""
    found = []
    for match in _BOX.finditer(text):
        a, b, c, d = (float(number) for number in match.groups() if number is not None)
        found.append((min(a, c), min(b, d), max(a, c), max(b, d)))
    return found


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0 to 1; of two that have no area: 1 if equal."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    both = max(width, 0.0) * max(height, 0.0)
    union = _area(first) + _area(second) - both
    return both / union if union > 0 else float(first == second)


def mean_iou(prediction: str, answer: str) -> float:
    """Mean IoU over the boxes of either side, whichever has more.

    Boxes are paired by falling IoU, each once; a box without a partner counts 0.
    """
    said, wanted = read_boxes(prediction), read_boxes(answer)
    if not said or not wanted:
        return 0.0
    pairs = sorted((-iou(a, b), i, j) for i, a in enumerate(said) for j, b in enumerate(wanted))
    left, right, total = set(range(len(said))), set(range(len(wanted))), 0.0
    for negative, i, j in pairs:
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            total -= negative
    return total / max(len(said), len(wanted))


def iou_at_half(prediction: str, answer: str) -> float:
    """1 if the mean IoU is 0.5 or more: the usual measure of grounding one object."""
    return float(mean_iou(prediction, answer) >= 0.5)  # noqa: PLR2004


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


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


class Metric(Struct, frozen=True):
    """One way to score an answer.

    Attributes:
        name: As `--metric` takes it.
        title: Its column in a table.
        score: Prediction, right answer → 0 to 1.
        binary: Whether it is only ever 0 or 1.
    """

    name: str
    title: str
    score: Callable[[str, str], float]
    binary: bool


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("exact", "exact", exact_match, binary=True),
        Metric("normalised", "normalised", normalised_match, binary=True),
        Metric("json", "JSON fields", field_accuracy, binary=False),
        Metric("anls", "ANLS", anls, binary=False),
        Metric("iou", "IoU", mean_iou, binary=False),
        Metric("iou50", "IoU ≥ 0.5", iou_at_half, binary=True),
    )
}


def chosen(names: Sequence[str], answers: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics that are named, else those that fit the answers.

    Exact and normalised match and ANLS fit any answer; JSON fields where all answers are objects
    or lists, IoU where all have boxes.

    Raises:
        UsageError: If there is none of a name.
    """
    if names:
        for name in names:
            if name not in METRICS:
                raise UsageError(f"there is no metric `{name}`", "one of " + ", ".join(METRICS))
        return tuple(METRICS[name] for name in dict.fromkeys(names))
    fitting = ["exact", "normalised", "anls"]
    if answers and all(read_boxes(answer) for answer in answers):
        fitting += ["iou", "iou50"]
    elif answers and all(read_json_answer(answer) is not None for answer in answers):
        fitting += ["json"]
    return tuple(METRICS[name] for name in fitting)


class Score(Struct, frozen=True):
    """A mean over rows, with its 95 % confidence interval."""

    mean: float
    low: float
    high: float


def score_of(scores: Sequence[float], metric: Metric) -> Score:
    """The mean over rows of one metric."""
    interval = wilson(int(sum(scores)), len(scores)) if metric.binary else mean_interval(scores)
    return Score(_mean(scores), *interval)


def difference_of(scores: Sequence[float], first: Sequence[float]) -> Score:
    """The mean over rows of a score minus another on the same row: pairs tell more than means."""
    pairs = [a - b for a, b in zip(scores, first, strict=True)]
    return Score(_mean(pairs), *difference_interval(pairs))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


Z = 1.959963984540054
"""Of the normal distribution, two-sided 95 %."""

_RESAMPLES = 2000
_MOST_RESAMPLED = 2000  # rows: beyond, the normal interval is as good and needs no time
_TAIL = 0.025


class Interval(NamedTuple):
    """From low to high."""

    low: float
    high: float


def wilson(successes: int, count: int) -> Interval:
    """Wilson's score interval of a share; right for small counts and for 0 and 1 too.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, Journal
    of the American Statistical Association 22 (1927).
    """
    if not count:
        return Interval(0.0, 1.0)
    share, square = successes / count, Z * Z
    middle = share + square / (2 * count)
    spread = Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    whole = 1 + square / count
    return Interval(max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole))


def difference_interval(differences: Sequence[float]) -> Interval:
    """Interval of a mean difference of pairs; without any difference, that of a rare one."""
    if any(differences):
        return mean_interval(differences)
    rare = wilson(0, len(differences)).high
    return Interval(-rare, rare)


def mean_interval(values: Sequence[float]) -> Interval:
    """Interval of a mean: the percentile bootstrap, seeded; the normal one for many rows.

    B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7 (1979).
    """
    count = len(values)
    if not count:
        return Interval(0.0, 1.0)
    middle = math.fsum(values) / count
    if len(set(values)) == 1:
        # No spread to resample: what was never seen may still be there, as in Wilson's interval.
        return wilson(int(middle) * count, count) if middle in (0, 1) else Interval(middle, middle)
    if count > _MOST_RESAMPLED:
        variance = math.fsum((value - middle) ** 2 for value in values) / (count - 1)
        spread = Z * math.sqrt(variance / count)
        return Interval(middle - spread, middle + spread)
    chance = random.Random(0)  # noqa: S311  the same interval every time
    means = sorted(sum(chance.choices(values, k=count)) / count for _ in range(_RESAMPLES))
    edge = int(_TAIL * _RESAMPLES)
    return Interval(means[edge], means[-edge - 1])
