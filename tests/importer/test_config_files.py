"""ms-swift's own config files, and the commands of ms-swift that are no training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from round_trip import SWIFT, command_of, imported

from vlft.importer.importing import import_text

VALUES = {
    "model": "Qwen/Qwen2-VL-2B-Instruct",
    "train_type": "full",
    "dataset": ["a.jsonl", "b.jsonl#50"],
    "learning_rate": 1e-4,
    "gradient_checkpointing": True,
    "gradient_checkpointing_kwargs": {"use_reentrant": False},
    "system": None,
    "ENV": {"MAX_PIXELS": 1003520, "NPROC_PER_NODE": 2, "NCCL_DEBUG": "WARN"},
}


@pytest.mark.parametrize("name", ["train.yaml", "train.json"])
def test_a_config_file_of_ms_swift(name: str, tmp_path: Path) -> None:
    text = yaml.safe_dump(VALUES) if name.endswith("yaml") else json.dumps(VALUES)
    made = import_text(text.encode(), name, SWIFT)
    assert not [one for one in made.findings if one.severity == "error"]
    (config,) = made.configs
    assert config.name == "train.vlft.yaml"
    back = command_of(config.text, tmp_path)
    assert not isinstance(back, str), back
    flags, env = back
    assert flags["tuner_type"] == ("full",)
    assert flags["dataset"] == (str(tmp_path / "a.jsonl"), f"{tmp_path}/b.jsonl#50")
    assert float(flags["learning_rate"][0]) == 1e-4
    assert json.loads(flags["gradient_checkpointing_kwargs"][0]) == {"use_reentrant": False}
    assert "system" not in flags
    assert env["MAX_PIXELS"] == "1003520"
    assert (env["NPROC_PER_NODE"], env["NCCL_DEBUG"]) == ("2", "WARN")


def test_flags_behind_a_config_file_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.yaml").write_text(yaml.safe_dump(VALUES))
    (config,) = imported("swift sft train.yaml --learning_rate 2e-5\n").configs
    read = yaml.safe_load(config.text)
    assert read["train"]["learning_rate"] == "2e-5"
    assert read["launch"]["nproc_per_node"] == 2
    missing = imported("swift sft other.yaml --learning_rate 2e-5\n").findings
    assert ("import.asked", "error") in [(one.rule, one.severity) for one in missing]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("swift export --adapters CKPT --merge_lora true", "vlft merge CKPT"),
        (
            (
                "swift export --adapters CKPT --merge_lora true --quant_bits 4 --quant_method bnb "
                "--output_dir out"
            ),
            "vlft merge CKPT --quant-bits 4 --quant-method bnb --output out",
        ),
        (
            (
                "swift infer --adapters CKPT --val_dataset v.jsonl --max_new_tokens 12 "
                "--max_batch_size 8"
            ),
            "vlft infer CKPT --data v.jsonl --max-new-tokens 12 --batch-size 8",
        ),
        ("swift infer --model 'my model'", "vlft infer 'my model' QUESTION"),
        ("swift merge-lora --adapters CKPT", None),
    ],
)
def test_the_command_of_vlft_that_does_it(command: str, line: str | None) -> None:
    made = imported(command)
    if line is None:
        assert [one.rule for one in made.findings] == ["import.other-command", "import.nothing"]
        return
    (config,) = made.configs
    assert f"#   {line}\n" in config.text
    for flag in command.split("--")[1:]:
        assert f"--{flag.split()[0]}" in config.text or f"{flag.split()[0]}:" in config.text
