"""SwiftArgs holds what the real SftArguments and its training_args hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.folders import QWEN2_VL, make_model_folder
from support.ms_swift.generated_configs import ENVIRON, SWIFT, first_line, generated
from support.ms_swift.judging import Judge, request
from support.ms_swift.swift_args_draws import accepted_configs, rare_configs

from vlft.pipeline import Ready, prepare
from vlft.resolve import post_init
from vlft.resolve.args import SwiftArgs

COUNT = int(os.environ.get("VLFT_CONFIGS", "150"))
SEED = int(os.environ.get("VLFT_SEED", "0"))

OF_ARGS = {"warmup_ratio"}
"""Arguments whose value is that of SftArguments, not of its training_args."""

OF_THE_DTYPE = {"torch_dtype", "fp16", "bf16"}
OF_THE_MODEL = OF_THE_DTYPE | {
    "model_type",
    "template",
    "task_type",
    "lazy_tokenize",
    "loss_scale",
    "max_length",
    "packing_length",
}
"""What follows from a model, for a run that starts from another one."""

APART = {"deepspeed", "fsdp", "teacher_deepspeed"}
"""Arguments that keep the name of a preset or file, where ms-swift has its content."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lengths = {"max_position_embeddings": 1024, "num_attention_heads": 2, "intermediate_size": 64}
    flat = {**QWEN2_VL, **lengths}
    text = {**flat, "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
    nested = {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        "dtype": "float16",
        "text_config": {**lengths, "hidden_size": 64, "model_type": "qwen2_5_vl_text"},
    }
    make_model_folder(tmp_path / "Qwen2-VL-2B-Instruct", flat)
    make_model_folder(tmp_path / "renamed", flat)
    make_model_folder(tmp_path / "Qwen2.5-VL-3B-Instruct", nested)
    make_model_folder(tmp_path / "Qwen2.5-0.5B-Instruct", text)
    make_model_folder(
        tmp_path / "Qwen3-0.6B",
        {**text, "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"},
    )
    make_model_folder(tmp_path / "jina-reranker-m0", flat)
    inner = {**lengths, "hidden_size": 64, "model_type": "qwen2_5_vl_text", "dtype": "bfloat16"}
    without = {k: v for k, v in nested.items() if k != "dtype"}
    make_model_folder(tmp_path / "Qwen2.5-VL-7B-Instruct", {**without, "text_config": inner})
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    for name in ("train.jsonl", "val.jsonl"):
        (tmp_path / name).write_text((json.dumps(row) + "\n") * 64)
    make_model_folder(tmp_path / "resumed" / "Qwen2-VL-2B-Instruct", flat)
    (tmp_path / "resumed" / "Qwen2-VL-2B-Instruct" / "adapter_config.json").write_text("{}")
    (tmp_path / "plugin.py").touch()
    (tmp_path / "tokens.txt").write_text("<a> <b>")
    (tmp_path / "kwargs.json").write_text('{"max_pixels": 50176}')
    (tmp_path / "ds.json").write_text('{"zero_optimization": {"stage": 1}}')
    return tmp_path


def test_every_argument_is_that_of_the_real_command(folder: Path, judge: Judge) -> None:
    wrong: dict[str, Any] = {}
    refused: list[str] = []
    configs = [*rare_configs(), *generated(COUNT, SEED, accepted_configs())]
    for index, data in enumerate(configs):
        args, asked = _asked(data, folder, ENVIRON | ({} if index % 5 else {"USE_HF": "1"}))
        names = SWIFT.arguments[data.get("task", "sft")]
        asked["want"] = [*names, *(f"training_args.{name}" for name in names)]
        verdict = judge.ask(asked)
        if not verdict.ok:
            refused.append(first_line(verdict.error or ""))
            continue
        for name in names:
            if problem := _difference(args, name, verdict.values):
                wrong.setdefault(f"{name}: {problem}", data)
    assert not wrong, "\n".join(f"{text}\n    {json.dumps(data)}" for text, data in wrong.items())
    assert len(refused) <= len(configs) / 5, refused


def _asked(
    data: dict[str, Any], folder: Path, environ: dict[str, str]
) -> tuple[SwiftArgs, dict[str, Any]]:
    file = folder / "config.yaml"
    file.write_text(json.dumps(data).replace("of the run", str(folder / data["model"]["path"])))
    prepared = prepare(file, environ=environ, judge=False)
    assert isinstance(prepared, Ready), prepared.findings
    args = prepared.run.args
    asked = request(prepared, folder, environ)
    assert asked is not None
    return args, asked


def _difference(args: SwiftArgs, name: str, values: Mapping[str, Any]) -> str | None:
    """What is wrong with an argument; None if it is right."""
    if not args.is_known(name):
        return None if name in post_init.UNREAD | _open_here(args) else "unknown"
    trainer = values[f"training_args.{name}"]
    real = values[name] if name in OF_ARGS | APART or trainer is None else trainer
    own = args.mapping(name) if isinstance(real, Mapping) else args.value(name)
    if name in APART:
        own, content = args.value(name), args.mapping(name)
        same = bool(own) == bool(real) and (not content or content == real)
        return None if same else f"{own!r}, not {real!r}"
    if isinstance(own, tuple) and isinstance(real, str):
        real = [real]  # target_regex
    return None if _plain(own) == _plain(real) else f"{own!r}, not {real!r}"


def _open_here(args: SwiftArgs) -> set[str]:
    """Arguments that may be unknown in this run."""
    names: set[str] = set()
    if "tokens.txt" in args.given_texts("new_special_tokens"):
        names |= {"new_special_tokens"}
    if args.is_given("external_plugins") or args.is_given("custom_register_path"):
        names |= OF_THE_MODEL
    if args.flag("resume_only_model") and args.value("tuner_type") == "full":
        names |= OF_THE_MODEL
    if "7B" in (args.get("model", str) or ""):
        names |= OF_THE_DTYPE
    return names


def _plain(value: Any) -> Any:
    """The same form for both sides: JSON's, with numbers apart from truth values."""
    if isinstance(value, str):
        value = value.removeprefix("torch.")
        return _plain(json.loads(value)) if value.startswith("{") else value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return (
        ("number", value)
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        else value
    )


_REGISTRY = """
import json, sys
from swift.model import MODEL_MAPPING as models
from swift.template import TEMPLATE_MAPPING as templates
json.dump({
    "tasks": {n: m.task_type or "seq_cls" for n, m in models.items() if m.task_type or m.is_reward},
    "float32": [n for n, m in models.items() if m.torch_dtype is not None],
    "hybrid": [n for n, t in templates.items() if t.is_thinking and t.non_thinking_prefix],
}, open(sys.argv[1], "w"))
"""


def test_the_exceptions_among_models_are_those_of_the_registry(tmp_path: Path) -> None:
    file = tmp_path / "registry.json"
    subprocess.run([sys.executable, "-c", _REGISTRY, file], check=True, capture_output=True)
    real = json.loads(file.read_text())
    assert real["tasks"] == post_init.TASKS
    assert set(real["float32"]) == post_init.FLOAT32_TYPES
    assert set(real["hybrid"]) == post_init.HYBRID_TEMPLATES
