"""Every release of ms-swift that vlft runs: what it accepts, and what its flags are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.standin_swift import standin_interpreter

from vlft.swift.probe import read_shipped, shipped_versions


def test_there_is_a_dump_for_each_minor_release() -> None:
    minors = [version.rpartition(".")[0] for version in shipped_versions()]
    assert minors == ["4.6", "4.5", "4.4", "4.3", "4.2", "4.1", "4.0", "3.12"]


@pytest.mark.parametrize("version", shipped_versions())
def test_a_release_by_todays_names(version: str) -> None:
    facts = read_shipped(version)
    assert facts is not None
    assert facts.version == version
    sft, of_3 = facts.arguments["sft"], version.startswith("3.")
    assert {"tuner_type", "eval_metric", "safe_serialization"} <= set(sft)
    assert sft["tuner_type"].flag == ("train_type" if of_3 else None)
    assert sft["eval_metric"].flag == ("metric" if of_3 else None)
    assert "metric" in facts.arguments["infer"]  # it has that name still
    assert facts.arguments["infer"]["tuner_type"].flag == ("train_type" if of_3 else None)
    assert facts.arguments["export"]["mcore_adapter"].flag == ("mcore_adapters" if of_3 else None)
    assert facts.models()["qwen2_vl"].is_multimodal
    assert facts.guess_model_types("/m/Qwen3-VL-8B-Instruct", ()) == ("qwen3_vl",)
    assert "qwen2_5_vl" in facts.templates


@pytest.mark.parametrize("version", shipped_versions())
def test_the_installed_release_decides_what_flags_are_called(
    version: str, vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    python = standin_interpreter(tmp_path / "env", ms_swift=version)
    extra = (
        f"launch: {{gpus: none, python: {python}}}\n"
        "swift: {eval_metric: acc, safe_serialization: true}\n"
    )
    done = vlft("train", str(write_config(extra)), "--dry-run", "--format", "json")
    words = json.loads(done.out)["argv"]
    before = {"--train_type", "--metric", "--save_safetensors"}
    today = {"--tuner_type", "--eval_metric", "--safe_serialization"}
    right, wrong = (before, today) if version.startswith("3.") else (today, before)
    assert right <= set(words), done.err
    assert not wrong & set(words)


def test_what_a_release_does_not_have_yet_is_named(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    python = standin_interpreter(tmp_path / "env", ms_swift="4.2.3")
    extra = f"launch: {{gpus: none, python: {python}}}\nswift: {{packing_strategy: a}}\n"
    done = vlft("validate", str(write_config(extra)))
    assert "`swift sft` 4.2.3 has no argument `packing_strategy`" in done.out + done.err
