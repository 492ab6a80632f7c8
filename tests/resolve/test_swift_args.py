"""The effective arguments of a run: spellings, origins, places, and what is not known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from support.folders import QWEN2_VL, make_model_folder

from vlft.config.reader import read_config
from vlft.probe.collect import FactCache, gather_facts
from vlft.probe.hardware import parse_hardware
from vlft.resolve import post_init
from vlft.resolve.args import SwiftArgs, UnknownValueError
from vlft.resolve.run import resolve as resolve_run
from vlft.swift.probe import read_shipped

CACHE = FactCache()
"""The interpreter is looked for once."""

NAME = "Qwen2-VL-2B-Instruct"
Resolve = Callable[..., SwiftArgs]


@pytest.fixture
def resolve(tmp_path: Path) -> Resolve:
    """The arguments of a config for one GPU that adds the given YAML."""
    (tmp_path / "train.jsonl").write_text("{}\n")
    (tmp_path / "val.jsonl").write_text("{}\n")

    def resolved(
        extra: str = "",
        *overrides: str,
        data: str = "train: [train.jsonl]",
        launch: str = "gpus: 1",
        version: str = "4.6.0",
        environ: dict[str, str] | None = None,
        hardware: str | None = None,
        config: dict[str, Any] | None = None,
    ) -> SwiftArgs:
        model = config or {**QWEN2_VL, "max_position_embeddings": 32768}
        folder = make_model_folder(tmp_path / str(len(list(tmp_path.iterdir()))) / NAME, model)
        file = tmp_path / "config.yaml"
        file.write_text(
            f"model: {{path: {folder}}}\ndata: {{{data}}}\nlaunch: {{{launch}}}\n{extra}"
        )
        loaded, _, findings = read_config(file, overrides)
        assert loaded is not None
        assert findings == []
        release = read_shipped(version)
        assert release is not None
        machine = parse_hardware(hardware) if hardware else None
        facts = gather_facts(loaded, machine, environ or {}, None if environ else CACHE)
        facts = replace(facts, swift=release)
        return resolve_run(loaded, facts).args

    return resolved


@pytest.mark.parametrize(
    "text", ["true", '"true"', "True", '"TRUE"', '"yes"', "1", '"1"', "t", '"Y"']
)
def test_a_flag_is_true_in_every_spelling_of_hf_argument_parser(
    text: str, resolve: Resolve
) -> None:
    args = resolve(f"swift: {{strict: {text}}}\n")
    assert args.get("strict", bool) is True
    assert args.flag("strict")
    assert not args.is_off("strict")


@pytest.mark.parametrize("text", ["false", '"False"', '"no"', "0", '"f"', "N"])
def test_a_flag_is_false_in_every_spelling_of_hf_argument_parser(
    text: str, resolve: Resolve
) -> None:
    args = resolve(f"swift: {{dataset_shuffle: {text}}}\n")
    assert args.get("dataset_shuffle", bool) is False
    assert args.is_off("dataset_shuffle")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("strict", "maybe"),
        ("strict", "1.0"),
        ("logging_steps", "1.5"),
        ("weight_decay", "much"),
        ("save_strategy", "sometimes"),
        ("logging_steps", "[1, 2]"),
        ("columns", '"{"'),
        ("no_such_argument", "1"),
    ],
)
def test_a_text_that_ms_swift_refuses_is_unknown(name: str, text: str, resolve: Resolve) -> None:
    args = resolve(f"swift: {{{name}: {text}}}\n")
    assert not args.is_known(name)
    assert args.get(name, str) is None
    assert args.path(name) == ("swift", name)
    assert args.mapping(name) is None
    with pytest.raises(UnknownValueError):
        args[name]


def test_a_value_keeps_its_text(resolve: Resolve) -> None:
    args = resolve("train: {learning_rate: 1e-4}\nswift: {logging_steps: '7'}\n")
    assert args.given("learning_rate", float) == 1e-4
    assert args.path("learning_rate") == ("train", "learning_rate")
    assert args.written()["learning_rate"] == ("1e-4",)
    assert args.get("logging_steps", int) == 7


def test_what_the_user_wrote_is_given(tmp_path: Path, resolve: Resolve) -> None:
    (tmp_path / "base.yaml").write_text("swift: {warmup_ratio: 0.1}\n")
    args = resolve(
        "extends: base.yaml\nswift: {strict: true}\n",
        "swift.logging_steps=7",
        environ={"USE_HF": "1"},
    )
    assert [name for name in args.written() if args.is_given(name)] == [
        "model",
        "dataset",
        "warmup_ratio",
        "strict",
        "logging_steps",
    ]
    assert "use_hf" not in args.written()
    assert args.flag("use_hf")
    assert args.get("tuner_type", str) == "lora"
    assert not args.is_given("tuner_type")


def test_the_key_of_an_argument_is_that_of_its_section(resolve: Resolve) -> None:
    args = resolve("train: {global_batch_size: 8}\nswift: {packing: false}\n")
    assert args.path("max_length") == ("data", "max_length")
    assert args.path("packing") == ("swift", "packing")
    assert args.path("weight_decay") == ("swift", "weight_decay")
    assert args.written()["gradient_accumulation_steps"] == ("8",)
    assert args.path("gradient_accumulation_steps") == ("train", "global_batch_size")


def test_a_value_of_another_kind_is_none(resolve: Resolve) -> None:
    args = resolve("swift: {logging_steps: 3}\n")
    assert args.get("logging_steps", float) == 3.0
    assert args.get("save_steps", int) == 500
    assert args.get("warmup_ratio", str) == "0.0"
    assert args.get("logging_steps", bool) is None
    assert args.get("strict", int) is None
    assert args.get("save_strategy", float) is None


def test_lists_and_mappings(
    tmp_path: Path, resolve: Resolve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the trainer reads the file from where it starts
    (tmp_path / "columns.json").write_text('{"q": "query"}')
    args = resolve(
        "swift: {cached_dataset: cached, interleave_prob: [0.25, 7.5e-1], columns: columns.json,\n"
        "  model_kwargs: '{\"fps\": 1}', lr_scheduler_kwargs: {min_lr: 1e-6}}\n"
    )
    assert args.texts("cached_dataset") == ("cached",)
    assert args.texts("target_parameters") == ()
    assert args.numbers("interleave_prob") == (0.25, 0.75)
    assert args.mapping("columns") == {"q": "query"}
    assert args.mapping("model_kwargs") == {"fps": 1}
    (kwargs,) = args.given_texts("lr_scheduler_kwargs")
    assert json.loads(kwargs)["min_lr"] in (1e-6, "1e-6")
    assert args.mapping("gradient_checkpointing_kwargs") == {}
    assert args.mapping("report_to") is None


def test_what_the_command_does_not_have_is_none(resolve: Resolve) -> None:
    args = resolve()
    assert args.get("rlhf_type", str) is None
    assert args.is_known("rlhf_type")
    assert not args.is_given("rlhf_type")


def test_validation_decides_the_evaluation(resolve: Resolve) -> None:
    assert resolve().value("eval_strategy") == "no"
    share = resolve(data="train: [train.jsonl], val: 0.1")
    assert share.value("eval_strategy") == "steps"
    assert share.value("eval_steps") == 500
    files = resolve(data="train: [train.jsonl], val: [val.jsonl]")
    assert files.value("eval_strategy") == "steps"
    streamed = resolve("swift: {streaming: 'yes'}\n", data="train: [train.jsonl], val: 0.1")
    assert streamed.value("eval_strategy") == "no"
    assert streamed.get("split_dataset_ratio", float) == 0.0
    assert streamed.written()["split_dataset_ratio"] == ("0.1",)
    assert streamed.path("split_dataset_ratio") == ("data", "val")
    assert streamed.before("split_dataset_ratio") == 0.1


@pytest.mark.parametrize("name", ["packing", "streaming", "group_by_length"])
@pytest.mark.parametrize("text", ["true", '"true"', '"yes"', "1"])
def test_eager_loading_turns_lazy_tokenization_off(name: str, text: str, resolve: Resolve) -> None:
    assert resolve().value("lazy_tokenize") is True
    assert resolve(f"swift: {{{name}: {text}}}\n").value("lazy_tokenize") is False


def test_an_empty_fsdp_shards_nothing(resolve: Resolve) -> None:
    args = resolve("swift: {fsdp: ''}\n", launch="gpus: none")
    assert args.get("fsdp", str) is None
    assert "ddp_backend" not in args.written()
    assert resolve("swift: {fsdp: fsdp2}\n", launch="gpus: 2").is_off("gradient_checkpointing")


def test_a_cpu_run_is_in_float32(resolve: Resolve) -> None:
    args = resolve(launch="gpus: none, nproc_per_node: 2")
    assert args.value("torch_dtype") == "float32"
    assert args.value("ddp_backend") == "gloo"
    assert args.is_off("fp16")
    assert args.is_off("bf16")
    assert args.flag("use_cpu")


def test_the_longest_row_is_the_model_s_whatever_max_model_len_says(resolve: Resolve) -> None:
    assert resolve("swift: {max_model_len: 8192}\n").value("max_length") == 32768


def test_lengths_that_contradict_each_other_are_unknown(resolve: Resolve) -> None:
    inner = {"max_position_embeddings": 1024}
    config = {**QWEN2_VL, "max_position_embeddings": 4096, "text_config": inner}
    assert not resolve(config=config).is_known("max_length")


def test_a_type_of_the_language_model_alone_leaves_the_choice_to_the_gpu(resolve: Resolve) -> None:
    config = {key: value for key, value in QWEN2_VL.items() if key != "torch_dtype"}
    config["text_config"] = {"dtype": "float16"}
    assert not resolve(config=config).is_known("torch_dtype")
    assert not resolve(config=config).is_known("bf16")
    assert resolve(config=config, hardware="1xA100-80G").value("torch_dtype") == "bfloat16"
    assert not resolve(config=config, hardware="1xV100-32G").is_known("torch_dtype")


def test_the_warm_up_has_one_name(resolve: Resolve) -> None:
    assert resolve("swift: {warmup_ratio: 0.03}\n").value("warmup_steps") == 0.03
    assert resolve("swift: {warmup_steps: 30}\n").value("warmup_steps") == 30


def test_old_names_are_those_of_the_installed_release(resolve: Resolve) -> None:
    old = resolve("swift: {metric: acc}\n", version="3.12.6")
    assert old.before("eval_metric") == "acc"
    assert old.path("eval_metric") == ("swift", "metric")
    assert not resolve("swift: {metric: acc}\n").is_given("eval_metric")


def test_a_release_that_was_not_read_has_no_computed_values(resolve: Resolve) -> None:
    extra = "task: rlhf\nswift: {rlhf_type: simpo, strict: true}\n"
    assert resolve(extra).value("rlhf_type") == "cpo"
    old = resolve(extra, version="4.2.3")
    assert not old.is_known("rlhf_type")
    assert old.value("strict") is True
    assert old.value("truncation_strategy") is None
    assert old.value("bf16") is True


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("grpo", ("left", True, "last_round", "causal_lm")),
        ("grpo, multi_turn_scheduler: a", ("left", True, "default", "causal_lm")),
        ("gkd, multi_turn_scheduler: a", ("delete", False, "default", "causal_lm")),
        ("dpo, multi_turn_scheduler: a", ("delete", False, "last_round", "causal_lm")),
        ("orpo", ("delete", False, "last_round", "causal_lm")),
        ("rm", ("delete", False, "last_round", "seq_cls")),
    ],
)
def test_a_method_of_rlhf_has_defaults_of_its_own(
    method: str, expected: tuple[object, ...], resolve: Resolve
) -> None:
    args = resolve(f"task: rlhf\nswift: {{rlhf_type: {method}}}\n")
    names = ("truncation_strategy", "dataloader_drop_last", "loss_scale", "task_type")
    assert tuple(map(args.value, names)) == expected


def test_what_a_checkpoint_decides_and_what_nothing_reads_is_unknown(resolve: Resolve) -> None:
    plain, loaded = resolve(), resolve("swift: {load_args: true}\n")
    names = ("tuner_type", "attn_impl", "quant_bits", "norm_bbox", "agent_template", "template")
    assert all(map(plain.is_known, names))
    assert not any(map(loaded.is_known, names))
    release: Any = read_shipped("4.6.0")
    rlhf = resolve("task: rlhf\nswift: {rlhf_type: dpo}\n")
    assert set(release.arguments["rlhf"]) >= post_init.UNREAD
    assert not any(map(rlhf.is_known, post_init.UNREAD))


def test_every_argument_can_be_read(resolve: Resolve) -> None:
    release: Any = read_shipped("4.6.0")
    for task in ("sft", "pt", "rlhf"):
        args = resolve(f"task: {task}\n")
        for name in release.arguments[task]:
            args.get(name, str)
