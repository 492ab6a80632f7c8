"""What the answers of several models come to, side by side."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.infer.metrics import Metric


@dataclass(frozen=True)
class Variant:
    """One model that was asked.

    Attributes:
        name: base, adapter, merged, 8bit, 4bit, model, or a folder.
        folder: Of its weights.
        scores: Metric → score of every row, in order; 0 for a row without an answer.
        predictions: What it said; None for a row that it was not asked.
        bytes: Size of its weights, an adapter's base included.
        seconds: Wall time of the answers, the start of Python and the loading included.
        rows_per_second: Of the answering alone; None if ms-swift did not say.
    """

    name: str
    folder: str
    scores: Mapping[str, Sequence[float]]
    predictions: Sequence[str | None]
    bytes: int
    seconds: float
    rows_per_second: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """A mean over rows, with its 95 % confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The documented object of `vlft eval --format json`, of one model.

    Attributes:
        name: base, adapter, merged, 8bit, 4bit, model, or a folder.
        folder: Of its weights.
        metrics: Metric → its score.
        difference: Metric → the mean over rows of the score minus that of the first model on the
            same row: pairs tell more than two means. None for the first one itself.
        rows: That were asked.
        unanswered: How many of them have no answer.
        bytes: Size of its weights, an adapter's base included.
        seconds: Wall time of the answers, the start of Python and the loading included.
        rows_per_second: Of the answering alone; None if ms-swift did not say.
    """

    name: str
    folder: str
    metrics: Mapping[str, Score]
    difference: Mapping[str, Score] | None
    rows: int
    unanswered: int
    bytes: int
    seconds: float
    rows_per_second: float | None


def summarise(variants: Sequence[Variant], metrics: Sequence[Metric]) -> list[Summary]:
    """All models, compared with the first."""
    first = variants[0]
    return [
        Summary(
            name=variant.name,
            folder=variant.folder,
            metrics={one.name: _score(variant.scores[one.name], one) for one in metrics},
            difference=None
            if variant is first
            else {
                one.name: _difference(variant.scores[one.name], first.scores[one.name])
                for one in metrics
            },
            rows=len(variant.predictions),
            unanswered=sum(said is None for said in variant.predictions),
            bytes=variant.bytes,
            seconds=round(variant.seconds, 2),
            rows_per_second=variant.rows_per_second,
        )
        for variant in variants
    ]


def table(summaries: Sequence[Summary], metrics: Sequence[Metric]) -> list[str]:
    """The same for people: a line a model, shares in per cent."""
    lines = [["", *(metric.title for metric in metrics), "size", "rows/s", "time"]]
    for one in summaries:
        scores = (one.metrics[metric.name] for metric in metrics)
        cells = [f"{100 * s.mean:.1f} ({100 * s.low:.1f}-{100 * s.high:.1f})" for s in scores]
        speed = "-" if one.rows_per_second is None else f"{one.rows_per_second:.1f}"
        size, seconds = f"{one.bytes / 1e6:,.1f} MB", f"{one.seconds:.0f} s"
        lines.append([one.name, *cells, size, speed, seconds])
    name, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    return [
        "  ".join([line[0].ljust(name), *map(str.rjust, line[1:], others)]).rstrip()
        for line in lines
    ]


def verdicts(summaries: Sequence[Summary], metric: Metric) -> list[str]:
    """For every model after the first, a sentence: better, worse, or no difference seen."""
    said = []
    for one in summaries[1:]:
        found = (one.difference or {})[metric.name]
        low, high, mean = 100 * found.low, 100 * found.high, 100 * found.mean
        if low > 0 or high < 0:
            kind = "better" if low > 0 else "worse"
            text = f"{kind} by {abs(mean):.1f} points ({low:+.1f} to {high:+.1f})"
        else:
            text = f"no difference seen: {mean:+.1f} points ({low:+.1f} to {high:+.1f})"
        said.append(f"{one.name} against {summaries[0].name}, {metric.title}: {text}")
    return said


def _score(scores: Sequence[float], metric: Metric) -> Score:
    interval = wilson(int(sum(scores)), len(scores)) if metric.binary else mean_interval(scores)
    return Score(_mean(scores), *interval)


def _difference(scores: Sequence[float], first: Sequence[float]) -> Score:
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
