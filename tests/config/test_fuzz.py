"""No text and no config, however wrong, is answered with a traceback.

How long an answer takes is measured by scripts/fuzz and scripts/bench.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fuzzing import GOOD, run, texts
from hypothesis import HealthCheck, Phase, given, settings
from strategies import configs, wild
from support.waiting import HANG_S

from vlft.findings import has_errors
from vlft.pipeline import Rejected, prepare

ENVIRON = {"PATH": "/usr/bin:/bin"}
LESS = settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.generate],
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def test_random_and_mutated_texts_are_judged(tmp_path: Path) -> None:
    outcome = run(2_000, tmp_path, limit_s=HANG_S)
    assert not outcome.crashes
    assert outcome.ends["planned"] > 20, "some get through to the end"
    assert len(outcome.ends) > 20, "the texts are wrong in many ways"


def test_a_seed_gives_the_same_texts() -> None:
    assert all(a == b for a, b, _ in zip(texts(3), texts(3), range(50), strict=False))


def test_the_text_that_is_mutated_is_right(tmp_path: Path) -> None:
    run(0, tmp_path)
    (tmp_path / "config.yaml").write_text(GOOD)
    made = prepare(tmp_path / "config.yaml", environ=ENVIRON)
    assert not has_errors(list(made.findings)), made.findings


@LESS
@given(data=configs())
def test_a_config_over_the_schema_is_judged(data: dict[str, Any], tmp_path: Path) -> None:
    answered(data, tmp_path)


@LESS
@given(data=wild())
def test_anything_anywhere_is_judged(data: dict[str, Any], tmp_path: Path) -> None:
    answered(data, tmp_path)


def answered(data: dict[str, Any], folder: Path) -> None:
    file = folder / "config.yaml"
    file.write_text(json.dumps(data))
    made = prepare(file, environ=ENVIRON)
    if isinstance(made, Rejected):
        assert has_errors(made.findings)
    else:
        assert made.plan.arguments["model"]


def bombs() -> dict[str, bytes]:
    level = b"".join(
        b"k%d: &k%d [%s]\n" % (i, i, b", ".join([b"*k%d" % (i - 1)] * 10)) for i in range(1, 12)
    )
    return {
        "100 MB": b"model: {path: x}\n# " + b"x" * 100_000_000,
        "100 MB of keys": b"model: {path: x}\n" * 5_900_000,
        "alias bomb": b"k0: &k0 [x]\n" + level,
        "10,000 lists": b"model: " + b"[" * 10_000 + b"]" * 10_000,
        "10,000 maps": b"a: {" * 10_000,
        "10,000 indents": b"".join(b" " * depth + b"k:\n" for depth in range(10_000)),
    }


@pytest.mark.parametrize(
    "bomb",
    ["100 MB", "100 MB of keys", "alias bomb", "10,000 lists", "10,000 maps", "10,000 indents"],
)
def test_a_bomb_gets_one_clear_error(bomb: str, vlft: Any, tmp_path: Path) -> None:
    file = tmp_path / "bomb.yaml"
    file.write_bytes(bombs()[bomb])
    done = vlft("validate", "bomb.yaml", "--format", "json")
    assert done.code == 1
    assert "Traceback" not in done.err
    ((found,),) = [file["findings"] for file in json.loads(done.out)["files"]]
    assert found["severity"] == "error"
