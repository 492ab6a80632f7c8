"""What the answers of several models come to, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlft.infer.intervals import Interval, difference_interval

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


def summarise(variants: Sequence[Variant], metrics: Sequence[Metric]) -> list[dict[str, Any]]:
    """The documented objects of `vlft eval --format json`, a variant each.

    `difference` is the mean over rows of the score minus that of the first variant on the same
    row, with its interval: pairs tell more than two means.
    """
    first = variants[0]
    return [
        {
            "name": variant.name,
            "folder": variant.folder,
            "metrics": {metric.name: _score(variant.scores[metric.name], metric)
                        for metric in metrics},
            "difference": None if variant is first else {
                metric.name: _difference(variant.scores[metric.name], first.scores[metric.name])
                for metric in metrics
            },
            "rows": len(variant.predictions),
            "unanswered": sum(said is None for said in variant.predictions),
            "bytes": variant.bytes,
            "seconds": round(variant.seconds, 2),
            "rows_per_second": variant.rows_per_second,
        }
        for variant in variants
    ]  # fmt: skip


def table(summaries: Sequence[Mapping[str, Any]], metrics: Sequence[Metric]) -> list[str]:
    """The same for people: a line a model, shares in per cent."""
    heads = ["", *(metric.title for metric in metrics), "size", "rows/s", "time"]
    lines = [heads]
    for one in summaries:
        speed = one["rows_per_second"]
        cells = [_cell(one["metrics"][metric.name]) for metric in metrics]
        size = f"{one['bytes'] / 1e6:,.1f} MB"
        shown = "-" if speed is None else f"{speed:.1f}"
        lines.append([one["name"], *cells, size, shown, f"{one['seconds']:.0f} s"])
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def verdicts(summaries: Sequence[Mapping[str, Any]], metric: Metric) -> list[str]:
    """For every model after the first, a sentence: better, worse, or no difference seen."""
    said = []
    for one in summaries[1:]:
        found = one["difference"][metric.name]
        low, high, mean = (100 * found[key] for key in ("low", "high", "mean"))
        if low > 0 or high < 0:
            kind = "better" if low > 0 else "worse"
            text = f"{kind} by {abs(mean):.1f} points ({low:+.1f} to {high:+.1f})"
        else:
            text = f"no difference seen: {mean:+.1f} points ({low:+.1f} to {high:+.1f})"
        said.append(f"{one['name']} against {summaries[0]['name']}, {metric.title}: {text}")
    return said


def _score(scores: Sequence[float], metric: Metric) -> dict[str, float]:
    return _numbers(sum(scores) / len(scores) if scores else 0.0, metric.interval(scores))


def _difference(scores: Sequence[float], first: Sequence[float]) -> dict[str, float]:
    pairs = [a - b for a, b in zip(scores, first, strict=True)]
    return _numbers(sum(pairs) / len(pairs) if pairs else 0.0, difference_interval(pairs))


def _numbers(mean: float, interval: Interval) -> dict[str, float]:
    return {"mean": mean, "low": interval.low, "high": interval.high}


def _cell(score: Mapping[str, float]) -> str:
    return f"{100 * score['mean']:.1f} ({100 * score['low']:.1f}-{100 * score['high']:.1f})"
