"""GPTQ for real, in an environment of its own: scripts/test-gptq. Not in CI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vlft.export.quantized import stored_form
from vlft.probe.checkpoint import read_checkpoint

PYTHON = os.environ.get("VLFT_GPTQ", "")
pytestmark = [
    pytest.mark.gptq,
    pytest.mark.skipif(not PYTHON, reason="scripts/test-gptq makes the environment"),
]

LAYERS, LINEAR = 10, 7
BUILD = (
    "import sys; from pathlib import Path\n"
    "from vlft.models import tiny_spec; from vlft.models.qwen_vl import QWEN2_VL\n"
    "from vlft.models.tiny import TinySize\n"
    "from vlft.trainer_side.tiny_model import build\n"
    f"size = TinySize(hidden=128, layers={LAYERS}, vision_hidden=32, vision_layers=2)\n"
    "build(tiny_spec(QWEN2_VL, size), Path(sys.argv[1]), 0)\n"
)
# Share of the weights' size that they are off by after 4 bits, by layer: read as config.json says.
ERRORS = """
import json, sys
import numpy as np
from safetensors import safe_open
made, merged = (safe_open(f"{folder}/model.safetensors", "np") for folder in sys.argv[1:3])
config = json.load(open(f"{sys.argv[1]}/config.json"))["quantization_config"]
bits, less = config["bits"], config["format"] == "gptq"
found = {}
for name in made.keys():
    if not name.endswith(".qweight"):
        continue
    module = name.removesuffix(".qweight")
    words = made.get_tensor(name).view("uint32")
    shifts, ones = np.arange(0, 32, bits, dtype="uint32"), 2**bits - 1
    values = (words[:, None, :] >> shifts[None, :, None]) & ones
    zeros = (made.get_tensor(f"{module}.qzeros").view("uint32")[:, :, None] >> shifts) & ones
    groups = made.get_tensor(f"{module}.g_idx")
    scales = made.get_tensor(f"{module}.scales").astype("f4")[groups]
    zeros = (zeros.reshape(len(zeros), -1).astype("f4") + less)[groups]
    read = (values.reshape(-1, words.shape[1]) - zeros) * scales
    plain = module.replace("language_model.", "")
    (there,) = [n for n in merged.keys() if n.replace("language_model.", "") == f"{plain}.weight"]
    right = merged.get_tensor(there).astype("f4").T
    found[module] = float(np.abs(read - right).mean() / np.abs(right).mean())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of ten layers: ms-swift finds the blocks to quantise by there being ten of them."""
    folder = tmp_path_factory.mktemp("models") / "Qwen2-VL-2B-Instruct"
    subprocess.run([sys.executable, "-c", BUILD, str(folder)], check=True, capture_output=True)
    return folder


def test_train_merge_quantise_and_answer_as_well(
    vlft: Any, deep: Path, colors: Path, tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text(
        f"model: {{path: {deep}, freeze_vit: false}}\n"
        f"data: {{train: [{colors}], max_length: 512}}\npixels: {{max: 16*28*28}}\n"
        "train: {max_steps: 40, learning_rate: 3e-3, global_batch_size: 8}\n"
        "launch: {gpus: none}\n"
        "swift: {report_to: [none], dataloader_num_workers: 0}\n"
        f"export: {{quant_bits: 4, quant_method: gptq, python: {PYTHON}, rows: 9}}\n"
    )
    trained = vlft("train", "c.yaml", "--format", "json")
    assert trained.code == 0, trained.err
    run = json.loads(trained.out)["output_dir"]

    merged = vlft("merge", run, "--format", "json")
    assert merged.code == 0, merged.err
    assert f"calibrating on 9 of 24 rows, 9 with pictures: {colors}" in merged.err
    made = json.loads(merged.out)
    assert (made["method"], made["bits"]) == ("gptq", 4)
    assert made["verified"]["sampled_layers"] > 0
    assert made["verified_quantized"]["quantized"] == LAYERS * LINEAR
    quantized = read_checkpoint(made["quantized"])
    assert quantized.weight_bytes < read_checkpoint(made["merged"]).weight_bytes

    # What optimum 2.3 says of them is the other form: every weight would be off by a step.
    assert stored_form(quantized) == "gptq"
    assert "said gptq_v2" in made["verified_quantized"]["corrected"]
    words = [PYTHON, "-c", ERRORS, made["quantized"], made["merged"]]
    errors = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    assert len(errors) == LAYERS * LINEAR
    assert max(errors.values()) < 0.25, errors

    asked = ("--data", str(colors), "--max-new-tokens", "4", "--format", "json")
    scored = vlft("eval", run, *asked, "--against", f"merged,{made['quantized']}")
    assert scored.code == 0, scored.err
    adapter, whole, small = json.loads(scored.out)["variants"]
    assert whole["metrics"]["exact"]["mean"] == 1, "learnt"
    assert whole["metrics"] == adapter["metrics"]
    assert small["metrics"]["exact"]["mean"] >= whole["metrics"]["exact"]["mean"] - 0.1

    # Elsewhere there is no run to say which interpreter has the package.
    shutil.copytree(made["quantized"], tmp_path / "elsewhere")
    refused = vlft("infer", "elsewhere", "Which colour?")
    assert refused.code == 1
    assert "gptq weights take gptqmodel" in refused.err
    assert "--python" in refused.err
    image = json.loads(colors.read_text().splitlines()[0])["images"][0]
    answered = vlft("infer", "elsewhere", "Which colour?", "--image", image, "--python", PYTHON)
    assert answered.code == 0, answered.err


def test_doctor_tells_the_two_environments_apart(vlft: Any) -> None:
    there = json.loads(vlft("doctor", "--python", PYTHON, "--format", "json").out)
    here = json.loads(vlft("doctor", "--format", "json").out)
    for name in ("gptq 2", "gptq 3", "gptq 4", "gptq 8", "gptq_v2 4"):
        assert there["quantization"][name] is None
        assert "gptqmodel" in here["quantization"][name]
