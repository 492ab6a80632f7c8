"""Commands of ms-swift 2 and 3, as configs of today."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from round_trip import command_of, imported

V2 = "swift sft --model_type qwen2-vl-7b-instruct --custom_train_dataset_path a.jsonl"


def config_of(script: str, *, modern: bool = False) -> str:
    (config,) = imported(script, modern=modern).configs
    return config.text


@pytest.mark.parametrize(
    ("flags", "lines"),
    [
        ("", ["path: Qwen/Qwen2-VL-7B-Instruct", "train: [a.jsonl]"]),
        ("--sft_type full", ["tuner: full", "freeze_vit: false", "freeze_aligner: false"]),
        ("--dtype bf16", ["torch_dtype: bfloat16"]),
        ("--dtype AUTO", ["#   --dtype AUTO"]),
        ("--use_flash_attn true", ["attn_impl: flash_attn"]),
        ("--train_dataset_sample 500", ["train: [a.jsonl#500]"]),
        ("--train_dataset_sample -1", ["#   --train_dataset_sample -1"]),
        ("--dataset_test_ratio 0.1", ["val: 0.1"]),
        ("--custom_val_dataset_path b.jsonl", ["val: [b.jsonl]"]),
        ("--batch_size 4", ["per_device_train_batch_size: 4", "per_device_eval_batch_size: 4"]),
        ("--eval_batch_size 2", ["per_device_eval_batch_size: 2"]),
        ("--lora_target_modules ALL", ["target_modules: all-linear"]),
        ("--lora_target_modules DEFAULT", ["#   --lora_target_modules DEFAULT"]),
        ("--lora_target_modules q_proj k_proj", ["target_modules: [q_proj, k_proj]"]),
        ("--lora_dropout_p 0.1", ["dropout: 0.1"]),
        ("--quantization_bit 4", ["bits: 4", "method: bnb"]),
        ("--quantization_bit 0", ["#   --quantization_bit 0"]),
        ("--deepspeed default-zero2", ["deepspeed: zero2"]),
        ("--truncation_strategy truncation_left", ["truncation_strategy: left"]),
        ("--evaluation_strategy steps", ["eval_strategy: steps"]),
        ("--max_length -1", ["#   --max_length -1"]),
        ("--only_save_model true", ["save_only_model: true"]),
        ("--template_type qwen2-vl", ["template: qwen2_vl"]),
        ("--self_cognition_sample 500", ["train: [a.jsonl, ms::swift/self-cognition#500]"]),
        ("--freeze_parameters 0.5", ["freeze_parameters_ratio: 0.5"]),
        ("--hub_token secret", ["#   --hub_token ***"]),
        ("--test_oom_error true", ["#   --test_oom_error true"]),
    ],
)
def test_names_and_values_of_2(flags: str, lines: list[str], tmp_path: Path) -> None:
    text = config_of(f"{V2} {flags}")
    for line in lines:
        assert line in text
    assert "secret:" not in text
    assert not isinstance(command_of(text, tmp_path), str)


@pytest.mark.parametrize(
    ("flags", "frozen"),
    [
        ("", {"freeze_aligner": False}),
        ("--lora_target_modules DEFAULT", {"freeze_aligner": False}),
        ("--lora_target_modules ALL", {"freeze_vit": False, "freeze_aligner": False}),
        (
            "--lora_target_modules ALL --freeze_vit true",
            {"freeze_vit": True, "freeze_aligner": False},
        ),
        ("--lora_target_modules q_proj", {}),
    ],
)
def test_lora_of_2_is_where_it_was(flags: str, frozen: dict[str, bool]) -> None:
    read = yaml.safe_load(config_of(f"{V2} --sft_type lora {flags}"))
    assert {key: value for key, value in read["model"].items() if key != "path"} == frozen
    text = "swift sft --model_type qwen2_5-7b-instruct --sft_type lora --dataset a.jsonl"
    assert "freeze" not in config_of(f"{text} {flags}".replace("--freeze_vit true", ""))


def test_a_seed_of_2_was_that_of_the_data() -> None:
    assert "data_seed: 7" in config_of(f"{V2} --seed 7")
    assert "data_seed: 8" in config_of(f"{V2} --seed 7 --dataset_seed 8")


def test_defaults_of_2_are_written_out_unless_modern() -> None:
    old, new = (yaml.safe_load(config_of(V2, modern=modern)) for modern in (False, True))
    assert old["train"] == {
        "num_train_epochs": 1,
        "eval_steps": 50,
        "save_steps": 50,
        "save_total_limit": 2,
    }
    assert old["data"] == {"train": ["a.jsonl"], "val": 0.01, "max_length": 2048}
    assert old["swift"] == {"warmup_ratio": 0.05, "optim": "adamw_torch", "ddp_timeout": 1800}
    assert new.keys() == {"model", "data", "launch"}
    warned = [one.severity for one in imported(V2, modern=True).findings]
    assert "warning" in warned


def test_names_of_3() -> None:
    text = config_of(
        "swift sft --model Qwen/Qwen2-VL-2B-Instruct --dataset a.jsonl --train_type lora "
        "--metric acc --max_steps 5"
    )
    assert "tuner: lora" in text
    assert "eval_metric: acc" in text
    assert "write `data.val: 0.01`" in text  # the names do not tell 3.5 from 3.6


@pytest.mark.parametrize(
    ("launcher", "launch"),
    [
        ("swift", {"nproc_per_node": 1}),
        ("NPROC_PER_NODE=2 swift", {"nproc_per_node": 2}),
        ("CUDA_VISIBLE_DEVICES=0,2 swift", {"gpus": [0, 2], "nproc_per_node": 1}),
        ("CUDA_VISIBLE_DEVICES= swift", {"gpus": "none"}),
        ("nohup python -m swift.cli.main", {"nproc_per_node": 1}),
        ("torchrun --nproc_per_node=4 --master_port 29501 swift/cli/sft.py",
         {"nproc_per_node": 4, "master_port": 29501}),
        ("python -m torch.distributed.run --nproc-per-node 4 --nnodes 2 --master_addr h sft.py",
         {"nproc_per_node": 4, "nnodes": 2, "master_addr": "h"}),
        ("accelerate launch --num_processes 16 --num_machines 2 sft.py",
         {"nproc_per_node": 8, "nnodes": 2}),
        ("deepspeed --include localhost:1,3 swift/cli/sft.py", {"gpus": [1, 3]}),
        ("env CUDA_VISIBLE_DEVICES=3 swift", {"gpus": [3], "nproc_per_node": 1}),
    ],
)  # fmt: skip
def test_launchers(launcher: str, launch: dict[str, object]) -> None:
    command = launcher if launcher.endswith(".py") else f"{launcher} sft"
    text = config_of(f"{command} --model Qwen/Qwen2-VL-2B-Instruct --dataset a.jsonl")
    assert yaml.safe_load(text)["launch"] == launch


def test_a_branch_and_a_loop_are_told() -> None:
    made = imported(
        "if [ -f last ]; then LR=1; else LR=2; fi\nfor s in $(ls); do\n"
        "swift sft --model Qwen/Qwen2-VL-2B-Instruct --dataset a.jsonl "
        "--learning_rate $LR --seed $s\n"
        "done\n"
    )
    found = [(one.rule, one.path) for one in made.findings if one.severity != "info"]
    assert sorted(found) == [
        ("import.asked", "train.learning_rate"),
        ("import.asked", "train.seed"),
        ("import.control-flow", ""),
    ]


def test_flags_below_a_cut_belong_to_the_command() -> None:
    made = imported(
        "swift sft --model Qwen/Qwen2-VL-2B-Instruct \\\n"
        "# --seed 1 \\\n--dataset a.jsonl \\\n\n--seed 2\n"
    )
    assert "seed: 2" in made.configs[0].text
    assert [one.line for one in made.findings if one.rule == "import.mended"] == [3, 5]
