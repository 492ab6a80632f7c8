"""Which logits ms-swift computes."""

from __future__ import annotations

import pytest

from vlft.estimate.memory.from_config import uses_logits_to_keep


@pytest.mark.parametrize(
    ("given", "major", "parallel", "used"),
    [
        (None, 5, 1, True),
        (None, 4, 1, False),
        (None, 5, 2, False),
        (True, 4, 1, True),
        (False, 5, 1, False),
    ],
)
def test_whether_only_trained_tokens_have_logits(given, major, parallel, used):
    assert uses_logits_to_keep(given, major, parallel) is used


@pytest.mark.parametrize(("model", "used"), [("qwen2_5_vl", False), ("qwen3_vl", True)])
def test_ligers_forward_of_qwen2_takes_no_number_of_logits(model, used):
    assert uses_logits_to_keep(None, 5, 1, liger=model) is used
