"""Intervals against published numbers, and the table that compares models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlft.errors import UsageError
from vlft.infer.evaluate import Variant, table, verdicts
from vlft.infer.metrics import (
    METRICS,
    chosen,
    difference_interval,
    difference_of,
    mean_interval,
    score_of,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [
        # R. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_as_published(successes: int, count: int, low: float, high: float) -> None:
    found = wilson(successes, count)
    assert found.low == pytest.approx(low, abs=5e-5)
    assert found.high == pytest.approx(high, abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_a_share(pair: tuple[int, int]) -> None:
    found = wilson(*pair)
    assert 0 <= found.low <= pair[0] / pair[1] + 1e-12
    assert pair[0] / pair[1] - 1e-12 <= found.high <= 1


def test_the_bootstrap_is_the_same_every_time_and_near_the_normal_interval() -> None:
    values = [(index * 37 % 101) / 100 for index in range(400)]
    found = mean_interval(values)
    assert found == mean_interval(values)
    mean = sum(values) / 400
    spread = 1.96 * (sum((v - mean) ** 2 for v in values) / 399 / 400) ** 0.5
    assert found.low == pytest.approx(mean - spread, abs=spread * 0.15)
    assert found.high == pytest.approx(mean + spread, abs=spread * 0.15)
    many = mean_interval(values * 10)
    assert many.high - many.low == pytest.approx((found.high - found.low) / 10**0.5, rel=0.15)
    assert mean_interval([0.5] * 9) == (0.5, 0.5)


def test_what_was_never_seen_is_not_ruled_out() -> None:
    assert mean_interval([0.0] * 20) == wilson(0, 20)
    assert mean_interval([1.0] * 20) == wilson(20, 20)
    rare = wilson(0, 20).high
    assert difference_interval([0.0] * 20) == (-rare, rare)


def test_what_fits_the_answers_is_chosen() -> None:
    def names(*answers: str) -> list[str]:
        return [metric.name for metric in chosen((), answers)]

    assert names("red", "blue") == ["exact", "normalised", "anls"]
    assert names('{"a": 1}', "[]") == ["exact", "normalised", "anls", "json"]
    assert names("(1,2),(3,4)", "[1, 2, 3, 4]") == ["exact", "normalised", "anls", "iou", "iou50"]
    assert [metric.name for metric in chosen(["iou", "exact"], ())] == ["iou", "exact"]
    with pytest.raises(UsageError, match="bleu") as refused:
        chosen(["bleu"], ())
    assert "anls" in (refused.value.hint or "")


EXACT = METRICS["exact"]


def variant(name: str, right: list[int], first: Variant | None = None) -> Variant:
    scores = [float(value) for value in right]
    said = ["x" if value else None for value in right]
    means = {"exact": score_of(scores, EXACT)}
    return Variant(
        name=name,
        folder=f"/{name}",
        metrics=means,
        difference=first and {"exact": difference_of(scores, first.scores["exact"])},
        rows=len(said),
        unanswered=said.count(None),
        bytes=2_500_000,
        seconds=3.2,
        rows_per_second=12.0,
        predictions=said,
        scores={"exact": scores},
    )


def test_models_side_by_side() -> None:
    good, same, bad = [1] * 90 + [0] * 10, [0] * 10 + [1] * 90, [1] * 20 + [0] * 80
    first = variant("merged", good)
    second, third = variant("8bit", same, first), variant("4bit", bad, first)
    variants = [first, second, third]
    assert second.difference is not None
    assert third.difference is not None
    assert first.metrics["exact"].mean == 0.9
    assert first.difference is None
    assert first.unanswered == 10
    assert second.difference["exact"].mean == 0
    assert second.difference["exact"].low < 0 < second.difference["exact"].high
    assert third.difference["exact"].mean == pytest.approx(-0.7)
    assert third.difference["exact"].high < 0
    assert list(first.to_json())[-2:] == ["seconds", "rows_per_second"]
    lines = table(variants, (EXACT,))
    assert len(lines) == 4
    assert lines[1].startswith("merged  90.0 (82.6-94.5)")
    assert "2.5 MB" in lines[1]
    said = verdicts(variants, EXACT)
    assert "no difference seen" in said[0]
    assert said[1].startswith("4bit against merged, exact: worse by 70.0 points")
