"""`vlft init`: a first config validates without a word, and fits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def rows(tmp_path: Path) -> str:
    row = {"messages": [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]}
    (tmp_path / "my rows.jsonl").write_text((json.dumps(row) + "\n") * 2000)
    return "my rows.jsonl"


@pytest.mark.parametrize(
    ("model", "hardware", "expected"),
    [
        ("Qwen/Qwen2-VL-2B-Instruct", "1xRTX4090", {}),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "2xRTX4090", {}),
        ("Qwen/Qwen2.5-VL-72B-Instruct", "1xA100-80G", {"quant": {"bits": 4, "method": "bnb"}}),
        ("Qwen/Qwen2.5-VL-72B-Instruct", "8xA100-80G", {"deepspeed": "zero3"}),
        ("Qwen/Qwen3-VL-8B-Instruct", "8xH100", {"pixels": {"max": "1024*32*32"}}),
        ("OpenGVLab/InternVL3-8B-hf", "1xA100-80G", {}),
        ("Qwen/Qwen2-VL-2B-Instruct", "here", {"launch": {"gpus": "none"}}),
    ],
)
def test_a_first_config_is_right_and_fits(
    model: str, hardware: str, expected: dict[str, Any], vlft: Any, rows: str, tmp_path: Path
) -> None:
    written = vlft(
        "init", "--model", model, "--data", rows, "--hardware", hardware, "--output", "sub.yaml"
    )
    assert (written.code, written.out) == (0, "sub.yaml\n"), written.err
    judged = vlft("validate", "sub.yaml", "--hardware", hardware, "--strict", "--format", "json")
    findings = json.loads(judged.out)["files"][0]["findings"]
    assert [one["message"] for one in findings if one["severity"] != "info"] == []
    config = yaml.safe_load((tmp_path / "sub.yaml").read_text())
    for key, value in expected.items():
        assert config[key] == value
    if hardware != "here":
        planned = json.loads(
            vlft("plan", "sub.yaml", "--hardware", hardware, "--format", "json").out
        )
        assert planned["memory"]["fits"] is True
        assert planned["batch"]["global"] == 16
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".vlft")] == []


def test_what_can_not_be_used_is_said(vlft: Any, rows: str, tmp_path: Path) -> None:
    big = ("--model", "Qwen/Qwen2.5-VL-72B-Instruct", "--data", rows)
    refused = vlft("init", *big, "--hardware", "T4")
    assert (refused.code, "does not fit this machine" in refused.err) == (1, True)
    assert vlft("init", "--data", rows).code == 2
    assert vlft("init", "--model", "Qwen/Qwen2-VL-2B-Instruct", "--data", "no.jsonl").code == 2
    (tmp_path / "config.yaml").write_text("mine")
    refused = vlft("init", *big, "--hardware", "8xH100", "--yes")
    assert (refused.code, "config.yaml exists" in refused.err) == (2, True)
    assert (tmp_path / "config.yaml").read_text() == "mine"


@pytest.mark.parametrize(("count", "batch"), [(5, 1), (20, 2), (100, 8), (128, 16)])
def test_few_rows_get_a_small_batch(count: int, batch: int, vlft: Any, tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"{n}"}, {"role": "assistant", "content": "c"}]}
        for n in range(count)
    ]
    (tmp_path / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("--model", "Qwen/Qwen2-VL-2B-Instruct", "--data", "few.jsonl", "--hardware", "here")
    assert vlft("init", *words).code == 0
    assert yaml.safe_load((tmp_path / "config.yaml").read_text())["train"]["global_batch_size"] == (
        batch
    )
    judged = vlft("validate", "config.yaml", "--hardware", "here", "--strict")
    assert judged.code == 0, judged.out + judged.err


def test_on_a_terminal_it_asks_for_what_is_missing(rows: str, tmp_path: Path) -> None:
    def answered(answers: str, *words: str) -> subprocess.CompletedProcess[str]:
        terminal, stdin = os.openpty()
        os.write(terminal, answers.encode())
        try:
            return subprocess.run(
                [sys.executable, "-m", "vlft", "init", "--hardware", "here", *words],
                cwd=tmp_path, stdin=stdin, capture_output=True, text=True, check=False,
            )  # fmt: skip
        finally:
            os.close(terminal)
            os.close(stdin)

    done = answered(f"Qwen/Qwen2-VL-2B-Instruct\n{rows}\n")
    assert done.returncode == 0, done.stderr
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert config["model"]["path"] == "Qwen/Qwen2-VL-2B-Instruct"
    assert config["data"]["train"] == [rows]
    told = ("--model", "Qwen/Qwen2-VL-7B-Instruct", "--data", rows)
    kept = answered("n\n", *told)
    assert (kept.returncode, "config.yaml exists" in kept.stderr) == (2, True)
    assert answered("", *told, "--yes").returncode == 2  # asks nothing, and overwrites nothing
    assert answered("y\n", *told).returncode == 0
    assert "Qwen2-VL-7B-Instruct" in (tmp_path / "config.yaml").read_text()
