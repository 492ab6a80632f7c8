"""Text metrics against values computed by hand and the published definition of ANLS."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlft.infer.metrics import anls, edit_distance, exact_match, field_accuracy, normalised_match


@pytest.mark.parametrize(
    ("prediction", "answer", "exact", "normalised"),
    [
        ("red", "red", 1, 1),
        (" red\n", "red", 1, 1),
        ("Red.", "red", 0, 1),
        ('"red"', "red", 0, 1),
        ("a  b", "a b", 0, 1),
        ("\uff12\uff10", "20", 0, 1),
        ("red car", "red", 0, 0),
        ("", "red", 0, 0),
        ("1.5", "15", 0, 0),
    ],
)
def test_exact_and_normalised(prediction: str, answer: str, exact: int, normalised: int) -> None:
    assert exact_match(prediction, answer) == exact
    assert normalised_match(prediction, answer) == normalised


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("kitten", "sitting", 3), ("", "abc", 3), ("flaw", "lawn", 2), ("same", "same", 0)],
)
def test_edit_distance(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == distance


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_edit_distance_is_a_metric(a: str, b: str, c: str) -> None:
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))


@pytest.mark.parametrize(
    ("prediction", "answer", "score"),
    [
        ("Coca Cola", "coca cola", 1.0),
        ("coca cola", "coca cols", 1 - 1 / 9),  # one of nine characters
        ("kitten", "sitting", 1 - 3 / 7),  # NL = 0.43 is below the threshold
        ("abcd", "abxy", 0.0),  # NL = 0.5 is not
        ("", "red", 0.0),
    ],
)
def test_anls_is_the_similarity_up_to_half(prediction: str, answer: str, score: float) -> None:
    assert anls(prediction, answer) == pytest.approx(score)


@pytest.mark.parametrize(
    ("prediction", "score"),
    [
        ('{"total": 12.5, "items": [{"name": "Tea"}, {"name": "Cake"}]}', 1.0),
        ('```json\n{"items": [{"name": "tea"}, {"name": "cake"}], "total": 12.50}\n```', 1.0),
        ('Here it is: {"total": 12.5, "items": [{"name": "Tea"}, {"name": "Cake"}]}.', 1.0),
        ('{"total": 12.5, "items": [{"name": "Tea"}]}', 2 / 3),
        ('{"total": "12.5", "items": [{"name": "Tea"}, {"name": "Cake"}]}', 2 / 3),
        ('{"total": 12.5, "items": [{"name": "Tea"}, {"name": "Cake"}], "tip": 1}', 3 / 4),
        ('{"total": 12.5, "items": [{"name": "Cake"}, {"name": "Tea"}]}', 1 / 3),
        ('{"total": 12.5, "items": [{"name": "Tea"}', 0.0),
        ("twelve", 0.0),
        ("{}", 0.0),
    ],
)
def test_json_fields(prediction: str, score: float) -> None:
    answer = '{"total": 12.5, "items": [{"name": "Tea"}, {"name": "Cake"}]}'
    assert field_accuracy(prediction, answer) == pytest.approx(score)


def test_true_is_not_one_and_empty_is_empty() -> None:
    assert field_accuracy('{"a": 1}', '{"a": true}') == 0
    assert field_accuracy('{"a": true}', '{"a": true}') == 1
    assert field_accuracy("[]", "[]") == 1
    assert field_accuracy("{}", "[]") == 0
    assert field_accuracy('{"a": []}', '{"a": []}') == 1
