"""The two commands that the project began with: every mistake is named, and mended they run."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

from vlft.importer.importing import import_text
from vlft.pipeline import look_at_hardware, prepare
from vlft.swift.probe import read_swift

GUIDE = """\
nproc=4
NPROC_PER_NODE=4 MASTER_PORT=29500 CUDA_VISIBLE_DEVICES=0,1,2,3,4,5,6,7 swift sft \\
    --model_type qwen2_5-1_5b-instruct --model_id_or_path {model} --model_revision master \\
    --sft_type lora --tuner_backend swift --template_type AUTO --dtype AUTO \\
    --output_dir ./llm_sft_output/ --ddp_backend nccl \\
    --custom_train_dataset_path {data} --train_dataset_sample -1 \\
    --num_train_epochs 10 --max_length 4096 --check_dataset_strategy warning \\ \n\
    --gradient_checkpointing true --batch_size 16 --weight_decay 0.01 --learning_rate 1e-4 \\
    --gradient_accumulation_steps $(expr 8 / $nproc_per_node) --max_grad_norm 0.5 \\
    --warmup_ratio 0.03 --eval_steps 100 --save_steps 100 --save_total_limit 3 \\
    --logging_steps 10 --use_flash_attn false --save_only_model true --deepspeed default-zero3

CUDA_VISIBLE_DEVICES=1,2 swift export --ckpt_dir {checkpoint} --merge_lora true --quant_bits 8
"""
MENDS = (
    "train.gradient_accumulation_steps=2",
    "model.type=qwen2_vl",
    "model.revision=null",
    "data.max_length=512",
    "pixels.max=16*28*28",
    "launch.gpus=none",
    "launch.nproc_per_node=1",
    "deepspeed=null",
    "swift.ddp_backend=null",
    "train.per_device_train_batch_size=2",
    "train.max_steps=2",
    "train.save_steps=2",
    "train.eval_steps=2",
    "swift.save_only_model=null",
)


def test_every_mistake_is_named_and_mended_it_trains_and_merges(
    vlft: Any, tiny_model: Path, colors: Path, tmp_path: Path
) -> None:
    script = GUIDE.format(model=tiny_model, data=colors, checkpoint="CKPT")
    (tmp_path / "guide.sh").write_text(script)
    done = vlft("import", "guide.sh", "--output", "configs", "--format", "json")
    assert done.code == 1
    answer = json.loads(done.out)
    assert [config["file"] for config in answer["configs"]] == [
        "configs/guide-1.yaml",
        "configs/guide-2.yaml",
    ]
    found = {(one["rule"], one["line"]) for one in answer["findings"]}
    assert {
        ("import.mended", 7),  # blanks after a backslash
        ("import.asked", 9),  # a variable that is set nowhere
        ("import.computed", 9),  # a division that drops what is left over
        ("import.quant-method", 13),
        ("import.stale-merge", 13),
        ("import.old-checkpoint", 13),
    } <= found

    config = tmp_path / "configs" / "guide-1.yaml"
    eight = look_at_hardware("8xA100-80G")
    judged = {one.rule for one in prepare(config, (), eight, {"PATH": ""}).findings}
    assert {
        "config.type",  # the accumulation that is to be answered
        "launch.deepspeed-gpus",  # 4 processes over 8 GPUs
        "model.type-family",  # a text model's type
        "pixels.no-limit",
        "schedule.zero-weights-only",
    } <= judged
    modern = import_text(script.encode(), "guide.sh", read_swift(None), modern=True)
    (tmp_path / "modern.yaml").write_text(modern.configs[0].text)
    prepared = prepare(tmp_path / "modern.yaml", MENDS[:1], eight, {})
    judged = {one.rule for one in prepared.findings}
    assert "evaluation.no-data" in judged  # eval_steps, and nothing to evaluate on

    answers = [word for mend in MENDS for word in ("--set", mend)]
    ran = vlft("train", str(config), "--format", "json", *answers)
    assert ran.code == 0, ran.err
    args = json.loads(
        Path(json.loads(ran.out)["output_dir"], "checkpoints", "args.json").read_text()
    )
    assert (args["learning_rate"], args["weight_decay"], args["attn_impl"]) == (1e-4, 0.01, "sdpa")
    assert (args["gradient_accumulation_steps"], args["optim"]) == (2, "adamw_torch")
    assert (args["split_dataset_ratio"], args["max_length"]) == (0.01, 512)

    lines = (tmp_path / "configs" / "guide-2.yaml").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("#   vlft merge")]
    words = shlex.split(line.removeprefix("#   vlft "))
    assert words == ["merge", "CKPT", "--quant-bits", "8", "--quant-method", "bnb"]
    (checkpoint,) = json.loads(ran.out)["checkpoints"]
    merged = vlft(words[0], checkpoint, "--format", "json")
    assert merged.code == 0, merged.err
