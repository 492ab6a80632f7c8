"""`vlft merge` before anything is started: the commands, the rows to calibrate on, the refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.standin_swift import standin_interpreter
from support.weight_files import matrix, tensor, write_adapter, write_model

Q = "model.layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter that has GPTQ's packages."""
    folder = tmp_path_factory.mktemp("interpreter")
    return standin_interpreter(folder, torch=True, gptqmodel="7.7.0", optimum="2.0.0")


def model(folder: Path, layers: int = 12) -> Path:
    tensors = {f"{Q}.weight": tensor(matrix(16, 8, 1))}
    return write_model(folder, tensors, {"num_hidden_layers": layers})


def adapter(folder: Path, base: Path) -> Path:
    prefix = f"base_model.model.{Q}"
    return write_adapter(
        folder,
        base,
        {
            f"{prefix}.lora_A.weight": tensor(matrix(4, 8, 3)),
            f"{prefix}.lora_B.weight": tensor(matrix(16, 4, 4)),
        },
    )


def rows(file: Path, plain: int, vision: int) -> Path:
    made: list[dict[str, Any]] = [{"query": f"q{i}", "response": "r"} for i in range(plain)]
    made += [{"query": f"<image>{i}", "response": "r", "images": ["a.png"]} for i in range(vision)]
    file.write_text("".join(json.dumps(row) + "\n" for row in made))
    return file


def test_a_dry_run_prints_both_commands_and_starts_nothing(
    vlft: Any, tmp_path: Path, python: str
) -> None:
    base = model(tmp_path / "Qwen2-VL-2B-Instruct")
    checkpoint = adapter(tmp_path / "checkpoint-4", base)
    data = rows(tmp_path / "calibration.jsonl", 30, 10)
    asked = ("--quant-bits", "3", "--calibrate", str(data), "--rows", "8", "--python", python)
    done = vlft("merge", str(checkpoint), *asked, "--dry-run", "--format", "json")
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    merge, quantize = plan["steps"]
    assert merge["argv"][0] == python
    assert merge["argv"][merge["argv"].index("--adapters") + 1] == str(checkpoint)
    words = quantize["argv"]
    assert words[words.index("--quant_method") + 1] == "gptq"
    assert words[words.index("--quant_n_samples") + 1] == "8"
    assert words[words.index("--model") + 1] == merge["output"]
    assert plan["calibration"] == {"rows": 8, "vision": 2, "of": 40}
    assert plan["disk_bytes"] > 0
    assert plan["host_memory_bytes"] > 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "Qwen2-VL-2B-Instruct",
        "checkpoint-4",
        "calibration.jsonl",
    }
    text = vlft("merge", str(checkpoint), *asked, "--dry-run").out
    assert text.count("--output_dir") == 2


def test_what_the_runs_config_says_of_exports_is_followed(
    vlft: Any, tmp_path: Path, python: str
) -> None:
    base = model(tmp_path / "Qwen2-VL-2B-Instruct")
    run = tmp_path / "output" / "run-20260101-000000-abcd"
    (run / "checkpoints").mkdir(parents=True)
    checkpoint = adapter(run / "checkpoints" / "checkpoint-4", base)
    rows(tmp_path / "own.jsonl", 4, 2)
    (run / "run.json").write_text(
        json.dumps({"id": run.name, "config": str(tmp_path / "c.yaml"), "started": ""})
    )
    (run / "config.resolved.yaml").write_text(
        f"export: {{quant_bits: 2, quant_method: gptq, python: {python},\n"
        "  dataset: [own.jsonl], rows: 3}\n"
    )
    done = vlft("merge", str(checkpoint), "--dry-run", "--format", "json")
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    quantize = plan["steps"][1]
    assert quantize["output"] == str(run / "exports" / "checkpoint-4-gptq-int2")
    assert quantize["argv"][0] == python
    assert plan["calibration"] == {"rows": 3, "vision": 1, "of": 6}
    # A flag goes before it.
    four = ("--quant-bits", "4", "--quant-method", "gptq")
    other = vlft("merge", str(checkpoint), *four, "--dry-run", "--format", "json")
    assert "gptq-int4" in other.out
    (run / "config.resolved.yaml").write_text("export: {python: no/such/python}\n")
    refused = vlft("merge", str(checkpoint), "--dry-run")
    assert (refused.code, "export.python" in refused.err) == (1, True)


@pytest.mark.parametrize(
    ("layers", "words", "said", "helps"),
    [
        (2, ["--quant-bits", "3"], "10 layers or more, and the model has 2", ""),
        (12, ["--quant-bits", "3"], "calibrates on data", "--calibrate"),
        (12, ["--quant-bits", "3", "--calibrate", "none.jsonl"], "no file `none.jsonl`", "rows"),
        (12, ["--quant-bits", "8", "--quant-method", "bnb", "--python", "nope"], "nope", ""),
        (12, [], "is a whole model", "--quant-bits 8"),
    ],
)
def test_refusals_say_what_would_work(
    layers: int, words: list[str], said: str, helps: str, vlft: Any, tmp_path: Path, python: str
) -> None:
    folder = model(tmp_path / "Qwen2-VL-2B-Instruct", layers)
    done = vlft("merge", str(folder), "--python", python, *words)
    assert done.code == 1
    assert said in done.err
    assert helps in done.err
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
