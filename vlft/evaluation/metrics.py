"""The metrics by name, and which of them fit the answers at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.errors import UsageError
from vlft.evaluation.boxes import iou_at_half, mean_iou, read_boxes
from vlft.evaluation.fields import field_accuracy, read_json_answer
from vlft.evaluation.intervals import Interval, mean_interval, wilson
from vlft.evaluation.text import anls, exact_match, normalised_match

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Metric:
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

    def interval(self, scores: Sequence[float]) -> Interval:
        """95 % confidence interval of the mean."""
        return wilson(int(sum(scores)), len(scores)) if self.binary else mean_interval(scores)


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
