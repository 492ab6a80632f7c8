"""The estimate beside the oracle: docs/memory.md's accuracy."""

from __future__ import annotations

import json
import statistics

import pytest
from estimate.memory_points import points

from vlft.errors import UsageError, VlftError
from vlft.estimate.memory.points import estimate_points


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("given", 0.0001),
        ("fresh", 0.002),
        ("extended", 0.005),
        ("unseen", 0.002),
        ("tiles", 0.0002),
        ("liger", 0.02),
        ("liger_unseen", 0.02),
    ],
)
def test_peak_is_the_oracles(name, most):
    rows = points(name)
    errors = [
        abs(estimated["allocated_peak"] / row["peak_bytes"] - 1)
        for row, estimated in zip(rows, estimate_points(rows), strict=True)
    ]
    assert statistics.median(errors) < 0.0002
    assert max(errors) < most


@pytest.mark.parametrize(
    "name", ["given", "fresh", "extended", "unseen", "tiles", "liger", "liger_unseen"]
)
def test_parameters_are_counted_to_the_last_one(name):
    rows = points(name)
    for row, estimated in zip(rows, estimate_points(rows), strict=True):
        assert estimated["parameters"] == row["n_params"]
        assert estimated["trainable_parameters"] == row["n_trainable"]


def test_a_row_without_a_key_is_named():
    row = points("given")[0]
    del row["batch"]
    with pytest.raises(UsageError, match="row 2 has no key 'batch'"):
        estimate_points([points("given")[0], row])


def test_a_row_with_a_value_of_another_kind_is_named():
    with pytest.raises(UsageError, match="row 1 has a value of another kind"):
        estimate_points([points("given")[0] | {"seq": "many"}])


def test_a_model_of_no_known_family_is_named(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(VlftError, match="no model whose memory vlft knows"):
        estimate_points([points("given")[0] | {"model_dir": str(tmp_path)}])
