"""Names of earlier releases, and the command that the project began with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlft.findings import Finding
from vlft.pipeline import look_at_hardware, prepare
from vlft.rules.env import READ, is_legal
from vlft.swift import probe
from vlft.swift.probe import old_name, read_swift
from vlft.swift.versions import unmet
from vlft.text import near_miss

NAMES = json.loads(
    (Path(__file__).parents[2] / "vlft" / "swift" / "names.json").read_text(encoding="utf-8")
)


def found(config: Path, *overrides: str) -> list[Finding]:
    environ = {"PATH": "/usr/bin:/bin"}
    return list(prepare(config, overrides, look_at_hardware("none"), environ).findings)


@pytest.mark.parametrize(
    ("old", "message", "hint"),
    [
        ("batch_size=8", "is called `per_device_train_batch_size` since v3",
         "write `train.per_device_train_batch_size`"),
        ("evaluation_strategy=steps", "is called `eval_strategy` since v3",
         "write `eval_strategy`"),
        ("sft_type=lora", "is called `tuner_type` since v3", "write `tuner`"),
        ("use_flash_attn=true", "is called `attn_impl` since v3", "write `model.attn_impl`"),
        ("use-flash-attn=true", "is called `attn_impl` since v3", "write `model.attn_impl`"),
        ("metric=acc", "is called `eval_metric` since after v3.12.6", "write `eval_metric`"),
        ("check_dataset_strategy=none", "has had no argument", "leave it out"),
        ("max_len=10", "has no argument `max_len`", "did you mean `data.max_length`?"),
        ("warmup-ratio=0.1", "has no argument `warmup-ratio`", "did you mean `warmup_ratio`?"),
        ("xyzzy=1", "has no argument `xyzzy`", None),
    ],
)  # fmt: skip
def test_an_old_name_is_answered_with_the_new_one(
    write_config: Any, old: str, message: str, hint: str | None
) -> None:
    (finding,) = found(write_config(), f"swift.{old}")
    assert finding.rule == "swift.unknown-argument"
    assert message in finding.message
    assert finding.hint == hint


def test_the_table_names_what_is_gone_and_what_is_there() -> None:
    swift = read_swift(None)
    for subcommand, names in NAMES.items():
        legal = swift.arguments[subcommand]
        assert not set(names) & set(legal)
        assert {new for new, _ in names.values() if new} <= set(legal)
    assert old_name("rlhf", "batch_size") == old_name("sft", "batch-size")
    assert old_name("export", "batch_size") is None


def test_the_table_is_read_only_for_a_name_that_is_unknown(write_config: Any) -> None:
    probe._names.cache_clear()
    assert found(write_config(), "swift.warmup_ratio=0.1") == []
    assert probe._names.cache_info().currsize == 0


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("logging_steps", "'5'", True),
        ("dataset_num_proc", "'4'", True),
        ("dataset_num_proc", "4.0", False),
        ("dataset_num_proc", "true", False),
        ("weight_decay", "'0.1'", True),
        ("weight_decay", "true", False),
        ("packing", "maybe", False),
        ("strict", "'yes'", True),
        ("strict", "0", True),
        ("strict", "2", False),
        ("padding_side", "both", False),
        ("max_pixels", "1280*28*28", False),
        ("liger_kernel_config", "{a: 1}", False),
    ],
)
def test_a_value_is_right_if_a_command_line_takes_its_text(
    write_config: Any, name: str, value: str, *, right: bool
) -> None:
    rules = [finding.rule for finding in found(write_config(), f"swift.{name}={value}")]
    assert ("swift.value" not in rules) == right


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MAX_PIXEL", "MAX_PIXELS"),
        ("max_pixels", "MAX_PIXELS"),
        ("nproc_per_node", "NPROC_PER_NODE"),
        ("CUDA_VISIBLE_DEVICE", "CUDA_VISIBLE_DEVICES"),
        ("MASTER_ADDRESS", "MASTER_ADDR"),
        ("NNODE", "NNODES"),
        ("VIDEO_MAX_PIXEL", "VIDEO_MAX_PIXELS"),
        ("IMAGE_MAX_TOKENS", "IMAGE_MAX_TOKEN_NUM"),
    ],
)
def test_a_slip_is_seen(name: str, meant: str) -> None:
    assert not is_legal(name)
    assert near_miss(name, sorted(READ)) == meant


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN", "HF_HOME", "NCCL_DEBUG", "OMP_NUM_THREADS", "MY_PIXELS", "LOGLEVEL", "USE_TF",
        "PYTORCH_ALLOC_CONF", "HIP_VISIBLE_DEVICES", "WANDB_API_KEY", "WANDB_NAME", "A", "GPS",
        "TRANSFORMERS_OFFLINE", "CUDA_LAUNCH_BLOCKING", "NCCL_P2P_DISABLE", "TMPDIR",
        "CUDA_HOME", "LD_LIBRARY_PATH", "SWANLAB_API_KEY", "MODELSCOPE_CACHE", "PYTHONPATH",
    ],
)  # fmt: skip
def test_a_name_of_its_own_is_let_be(name: str) -> None:
    assert is_legal(name) or near_miss(name, sorted(READ)) is None


@pytest.mark.parametrize(
    ("requirement", "installed", "clause"),
    [
        ("transformers>=4.57", "4.57.0", None),
        ("transformers>=4.57", "4.56.2", ">=4.57"),
        ("transformers>=4.36,<4.42", "5.19.0", "<4.42"),
        ("transformers>=5.0.0.dev", "5.0.0.dev0", None),
        ("transformers>=5", "5.0.0rc1", ">=5"),
        ("torch>=2.2.0", "2.15.0+cu128", None),
        ("mistral-common==1.8", "1.8.0", None),
        ("decord", "0.6.0", None),
    ],
)
def test_versions_are_compared(requirement: str, installed: str, clause: str | None) -> None:
    assert unmet(requirement, installed) == clause


def test_the_first_command_gives_its_mistakes_at_their_lines(
    write_config: Any, tmp_path: Path
) -> None:
    file: Path = write_config()
    file.write_text(
        "model:\n  path: Qwen2-VL-2B-Instruct\n  type: qwen2\n"
        "data:\n  train: [train.jsonl]\n  max_length: 4096\n"
        "launch: {gpus: none}\nswift: {template: qwen2_5}\n"
    )
    lines = {finding.rule: (finding.line, finding.severity) for finding in found(file)}
    assert lines == {"model.type-family": (3, "error"), "pixels.no-limit": (6, "warning")}


@pytest.mark.parametrize(
    "limit",
    [
        "pixels.max=1024*28*28",
        "swift.max_pixels=802816",
        "env.IMAGE_MAX_TOKEN_NUM=1024",
        "swift.model_kwargs={image_max_token_num: 1024}",
        "data.max_length=32768",
    ],
)
def test_any_limit_will_do(write_config: Any, limit: str) -> None:
    assert found(write_config(), "data.max_length=4096", limit) == []


@pytest.mark.parametrize(
    ("limit", "path"),
    [
        ("pixels.max=8192*28*28", "pixels.max"),
        ("swift.max_pixels=6422528", "swift.max_pixels"),
        ("env.IMAGE_MAX_TOKEN_NUM=8192", "env.IMAGE_MAX_TOKEN_NUM"),
        ("pixels.video.max=4096*28*28", "pixels.video.max"),
    ],
)
def test_a_limit_over_the_row_is_named_where_it_stands(
    write_config: Any, limit: str, path: str
) -> None:
    findings = found(write_config(), "data.max_length=4096", limit)
    assert [f.path for f in findings if f.rule == "pixels.over-length"] == [f"--set {path}"]


def test_the_side_of_a_token_is_the_familys(
    write_config: Any, make_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl"}
    make_model(tmp_path / "Qwen3-VL-2B-Instruct", config)
    model = "model.path=Qwen3-VL-2B-Instruct"
    row = "data.max_length=4096"
    assert found(write_config(), model, row, "pixels.max=4094*32*32") == []
    (finding,) = found(write_config(), model, row, "pixels.max=4095*32*32")
    assert finding.rule == "pixels.over-length"
    assert "2048*32*32" in str(finding.hint)
