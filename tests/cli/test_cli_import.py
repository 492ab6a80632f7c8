"""`vlft import`: what a user types, and gets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # several folders have a module of this name
    from conftest import Vlft


COMMAND = "swift sft --model Qwen/Qwen2-VL-2B-Instruct --dataset train.jsonl --learning_rate 1e-4"


def test_a_script_becomes_a_config_on_stdout(vlft: Vlft, tmp_path: Path) -> None:
    (tmp_path / "train.sh").write_text(f"CUDA_VISIBLE_DEVICES=0 \\\n{COMMAND} --tuner_type full\n")
    done = vlft("import", "train.sh")
    assert (done.code, done.err) == (0, "")
    assert "learning_rate: 1e-4\n" in done.out
    assert "tuner: full\n" in done.out
    (tmp_path / "config.yaml").write_text(done.out)
    ran = vlft("train", "--dry-run", "--no-validate", "--format", "json", "config.yaml")
    answer = json.loads(ran.out)
    assert "1e-4" in answer["argv"]
    assert answer["env"]["CUDA_VISIBLE_DEVICES"] == "0"


def test_a_command_is_given_in_words_or_as_one(vlft: Vlft) -> None:
    asked = vlft("import", "--", *COMMAND.split())
    assert asked.code == 0
    assert vlft("import", *COMMAND.split()).out == asked.out
    assert vlft("import", COMMAND).out.splitlines()[1:] == asked.out.splitlines()[1:]


def test_standard_input(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vlft", "import", "-"],
        input=COMMAND, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "learning_rate: 1e-4" in done.stdout


def test_several_commands_are_a_file_each(vlft: Vlft, tmp_path: Path) -> None:
    (tmp_path / "all.sh").write_text(f"{COMMAND}\n{COMMAND} --seed 1\n")
    done = vlft("import", "all.sh")
    assert done.code == 2
    assert "--output DIR" in done.err
    done = vlft("import", "all.sh", "--output", "configs")
    assert done.code == 0
    assert done.out.split() == ["configs/all-1.yaml", "configs/all-2.yaml"]
    assert "seed: 1\n" in (tmp_path / "configs" / "all-2.yaml").read_text()
    again = vlft("import", "all.sh", "--output", "configs")
    assert again.code == 1
    assert "is there already" in again.err


def test_json_names_configs_and_findings(vlft: Vlft, tmp_path: Path) -> None:
    (tmp_path / "train.sh").write_text(f"{COMMAND} \\\n  --batch_size 4 --seed $S\n")
    done = vlft("import", "train.sh", "--format", "json")
    assert done.code == 1
    answer = json.loads(done.out)
    (config,) = answer["configs"]
    assert config["file"] == "train.yaml"
    assert "per_device_train_batch_size: 4" in config["text"]
    asked = [one for one in answer["findings"] if one["rule"] == "import.asked"]
    assert [(one["file"], one["line"], one["column"], one["path"]) for one in asked] == [
        ("train.sh", 2, 18, "train.seed")
    ]
    assert vlft("explain", "import.asked").code == 0


def test_modern_takes_todays_defaults(vlft: Vlft, tmp_path: Path) -> None:
    (tmp_path / "old.sh").write_text(
        "swift sft --model_type qwen2-vl-2b-instruct --dataset a.jsonl"
    )
    assert "num_train_epochs: 1  # 2.x's default; today: 3" in vlft("import", "old.sh").out
    assert "num_train_epochs" not in vlft("import", "old.sh", "--modern").out.split("# Left")[0]


def test_wrong_use_is_said(vlft: Vlft, tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text(COMMAND)
    for words in (["nothing.sh"], ["a.sh", "--moderm"], []):
        assert vlft("import", *words).code == 2


def test_a_config_of_ms_swift(vlft: Vlft, tmp_path: Path) -> None:
    (tmp_path / "sft.yaml").write_text(
        "model: Qwen/Qwen2-VL-2B-Instruct\ndataset: [a.jsonl, b.jsonl]\nlearning_rate: 1e-4\n"
        "model_kwargs: {nframes: 8}\nENV: {MAX_PIXELS: 1003520}\n"
    )
    done = vlft("import", "sft.yaml")
    assert done.code == 0
    assert "train: [a.jsonl, b.jsonl]\n" in done.out
    assert "max: 1003520\n" in done.out
    assert "learning_rate: 1e-4\n" in done.out
    (tmp_path / "run.sh").write_text("swift sft sft.yaml --seed 3\n")
    both = vlft("import", "run.sh").out
    assert "seed: 3\n" in both
    assert "train: [a.jsonl, b.jsonl]\n" in both


def test_a_script_is_imported_as_it_is_started(vlft: Vlft, tmp_path: Path) -> None:
    script = f'{COMMAND} --seed "$1" --run_name "${{NAME:-x}}"\n'
    (tmp_path / "train.sh").write_text(script)
    done = vlft("import", "NAME=b", "bash", "train.sh", "7")
    assert done.code == 0
    assert "seed: 7\n" in done.out
    assert "run_name: b\n" in done.out
    (tmp_path / "other.sh").write_text(script)
    assert vlft("import", "train.sh", "other.sh").code == 2
