"""`vlft infer` on a stand-in for ms-swift: what is asked, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.standin_swift import standin_interpreter
from support.weight_files import matrix, tensor, write_model

Q = "model.layers.0.self_attn.q_proj"
GPTQ = {"quantization_config": {"quant_method": "gptq", "bits": 4}}


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return standin_interpreter(tmp_path_factory.mktemp("interpreter"), torch=True)


def model(folder: Path, config: dict[str, Any] | None = None) -> Path:
    tensors = {f"{Q}.weight": tensor(matrix(16, 8, 1))}
    return write_model(folder / "Qwen2-VL-2B-Instruct", tensors, config)


def test_a_dry_run_prints_the_line_and_starts_nothing(
    vlft: Any, tmp_path: Path, python: str
) -> None:
    folder = model(tmp_path)
    (tmp_path / "rows.jsonl").write_text("{}\n")
    before = sorted(tmp_path.rglob("*"))
    for words in (("Which?",), ("--data", "rows.jsonl"), ()):
        done = vlft("infer", str(folder), *words, "--dry-run", "--python", python)
        assert done.code == 0, done.err
        assert python in done.out
        assert f"--model {folder}" in done.out
        assert "--template qwen2_vl" in done.out
    assert sorted(tmp_path.rglob("*")) == before


def test_weights_that_need_another_package_are_refused_before_they_are_loaded(
    vlft: Any, tmp_path: Path, python: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = model(tmp_path, GPTQ)
    refused = vlft("infer", str(folder), "Which?", "--dry-run", "--python", python)
    assert refused.code == 1
    assert "gptq weights take gptqmodel and optimum, not installed beside" in refused.err
    assert "--python ENV/bin/python" in refused.err
    other = standin_interpreter(
        tmp_path_factory.mktemp("other"), torch=True, gptqmodel="7.7.0", optimum="2.3.0"
    )
    assert vlft("infer", str(folder), "Which?", "--dry-run", "--python", other).code == 0


def test_code_that_comes_with_weights_is_run_with_consent_alone(
    vlft: Any, tmp_path: Path, python: str
) -> None:
    folder = model(tmp_path)
    (folder / "modeling_own.py").write_text("raise SystemExit('was run')\n")
    (tmp_path / "rows.jsonl").write_text('{"messages": []}\n')
    eight = ("merge", "--quant-bits", "8", str(folder))
    for words in (("infer", str(folder), "Which?"), eight):
        refused = vlft(*words, "--dry-run", "--python", python)
        assert refused.code == 1
        assert "ms-swift would run: modeling_own.py" in refused.err
        assert "--trust-remote-code" in refused.err
    words = ("infer", str(folder), "Which?", "--dry-run", "--python", python)
    assert vlft(*words, "--trust-remote-code").code == 0


def test_one_question_or_rows_and_a_dialogue_on_a_terminal_alone(
    vlft: Any, tmp_path: Path, python: str
) -> None:
    folder = str(model(tmp_path))
    (tmp_path / "rows.jsonl").write_text(json.dumps({"messages": []}) + "\n")
    for words, said in (
        ((), "a dialogue needs a terminal"),
        (("Which?", "--data", "rows.jsonl"), "one of the two"),
        (("--data", "rows.jsonl", "--image", "x.png"), "rows name their own"),
    ):
        done = vlft("infer", folder, *words, "--python", python)
        assert (done.code, said in done.err) == (2, True), done.err
    absent = vlft("infer", folder, "Which?", "--image", "x.png", "--python", python)
    assert (absent.code, "there is no file `x.png`" in absent.err) == (1, True)
