"""The real ms-swift 3.12, in an environment of its own: scripts/test-swift-3.12. Not in CI."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from vlft.importer.importing import import_text
from vlft.swift.interpreter import find_interpreter
from vlft.swift.probe import read_swift, shipped_text
from vlft.trainer_side import dump_arguments

PLUGIN = Path(dump_arguments.__file__).parent / "save_and_end.py"
PYTHON = os.environ.get("VLFT_SWIFT_3_12", "")
pytestmark = [
    pytest.mark.swift312,
    pytest.mark.skipif(not PYTHON, reason="scripts/test-swift-3.12 makes the environment"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """The tiny model as transformers 4 writes it; 3.12 runs on no later one."""
    folder = tmp_path_factory.mktemp("models-of-4") / tiny_model.name
    shutil.copytree(tiny_model, folder)
    config = json.loads((folder / "config.json").read_text())
    rope = config["text_config"].pop("rope_parameters")
    config["text_config"] |= {
        "rope_theta": rope["rope_theta"],
        "rope_scaling": {"type": "mrope", "mrope_section": rope["mrope_section"]},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_a_command_of_3_trains_merges_quantises_and_answers(
    vlft: Any, model: Path, colors: Path, tmp_path: Path
) -> None:
    command = (
        f"MAX_PIXELS=12544 CUDA_VISIBLE_DEVICES= swift sft --model {model} --train_type lora "
        f"--dataset {colors} --max_length 512 --split_dataset_ratio 0.2 --metric acc "
        "--learning_rate 1e-2 --per_device_train_batch_size 1 --gradient_accumulation_steps 4 "
        "--max_steps 4 --save_steps 2 --save_safetensors true --dataloader_num_workers 0"
    )
    swift = read_swift(find_interpreter(PYTHON))
    assert swift.version == "3.12.6"
    (config,) = import_text(command.encode(), "train.sh", swift).configs
    file = tmp_path / "train.yaml"
    file.write_text(config.text)
    assert "eval_metric: acc" in config.text  # a config is written with today's names

    python = ("--set", f"launch.python={PYTHON}")
    planned = json.loads(vlft("train", str(file), "--dry-run", "--format", "json", *python).out)
    words = planned["argv"]
    assert {"--train_type", "--metric", "--save_safetensors"} <= set(words)
    assert not {"--tuner_type", "--eval_metric", "--safe_serialization"} & set(words)

    ran = vlft("train", str(file), "--format", "json", *python)
    assert ran.code == 0, ran.err
    done = json.loads(ran.out)
    args = json.loads(Path(done["output_dir"], "checkpoints", "args.json").read_text())
    assert (args["train_type"], args["metric"], args["learning_rate"]) == ("lora", "acc", 1e-2)
    assert [Path(one).name for one in done["checkpoints"]] == ["checkpoint-2", "checkpoint-4"]

    merged = vlft("merge", done["output_dir"], "--quant-bits", "8", "--format", "json")
    assert merged.code == 0, merged.err
    made = json.loads(merged.out)
    assert made["verified"]["sampled_layers"] == 14
    assert 0 <= made["verified"]["max_abs_error"] < 1e-6
    assert made["verified_quantized"]["quantized"] == 14

    for weights in (done["output_dir"], made["merged"]):
        asked = vlft(
            "infer", weights, "--data", str(colors), "--max-new-tokens", "2", "--format", "json"
        )
        assert asked.code == 0, asked.err
        answers = [json.loads(line) for line in asked.out.splitlines()]
        assert [one["row"] for one in answers] == list(range(1, 25))
        assert {one["answer"] for one in answers} == {"red", "green", "blue"}


def test_two_processes_train_as_one(vlft: Any, model: Path, colors: Path, tmp_path: Path) -> None:
    file = tmp_path / "two.yaml"
    file.write_text(
        f"model: {{path: {model}}}\ndata: {{train: [{colors}], max_length: 512}}\n"
        "pixels: {max: 16*28*28}\ntrain: {max_steps: 2, global_batch_size: 4}\n"
        f"launch: {{gpus: none, nproc_per_node: 2, python: {PYTHON}}}\n"
        "swift: {report_to: [none], dataloader_num_workers: 0}\n"
    )
    ran = vlft("train", str(file), "--format", "json")
    assert ran.code == 0, ran.err


def test_a_job_that_is_asked_to_end_saves_its_step(
    vlft: Any, model: Path, colors: Path, tmp_path: Path
) -> None:
    """The callback of a Slurm job that begins again."""
    asked = tmp_path / "asked"
    asked.touch()
    file = tmp_path / "end.yaml"
    file.write_text(
        f"model: {{path: {model}}}\ndata: {{train: [{colors}], max_length: 512}}\n"
        "pixels: {max: 16*28*28}\ntrain: {max_steps: 5, save_steps: 5, global_batch_size: 4}\n"
        f"launch: {{gpus: none, python: {PYTHON}}}\n"
        "swift: {report_to: [none], dataloader_num_workers: 0, "
        f"external_plugins: [{PLUGIN}]}}\n"
    )
    ran = vlft("train", str(file), "--format", "json", VLFT_SAVE_AND_END=str(asked))
    assert ran.code == 0, ran.err
    (checkpoint,) = json.loads(ran.out)["checkpoints"]
    assert Path(checkpoint).name == "checkpoint-1"
    assert not asked.exists()
    assert json.loads(Path(checkpoint, "args.json").read_text())["external_plugins"] == []


def test_a_mistake_is_named_by_its_own_release(
    vlft: Any, model: Path, colors: Path, tmp_path: Path
) -> None:
    file = tmp_path / "later.yaml"
    file.write_text(
        f"model: {{path: {model}}}\ndata: {{train: [{colors}]}}\npixels: {{max: 12544}}\n"
        f"launch: {{gpus: none, python: {PYTHON}}}\nswift: {{packing_strategy: binpack}}\n"
    )
    judged = vlft("validate", str(file))
    assert judged.code == 1
    assert "`swift sft` 3.12.6 has no argument `packing_strategy`" in judged.err + judged.out


def test_the_shipped_dump_is_the_release_s_own() -> None:
    done = subprocess.run([PYTHON, dump_arguments.__file__], check=True, capture_output=True)
    assert json.loads(done.stdout) == json.loads(shipped_text("3.12.6") or b"")
