"""CONTRIBUTING.md is followed literally, in a copy of the package."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from support.doc_blocks import ROOT, blocks
from support.folders import make_model_folder
from support.guide_copy import Copy

PAGE = "CONTRIBUTING.md"
TOY = {
    "architectures": ["ToyVLForConditionalGeneration"],
    "model_type": "toy_vl",
    "torch_dtype": "bfloat16",
    "text_config": {
        "vocab_size": 1000,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
    "vision_config": {"hidden_size": 32, "intermediate_size": 64, "depth": 2, "num_heads": 2},
}


def add_lines(file: Path, diff: str) -> None:
    """Applies a block: each run of `+` lines goes behind the line before it."""
    lines = file.read_text(encoding="utf-8").splitlines()
    place = -1
    for line in diff.splitlines():
        if line.startswith("+"):
            place += 1
            lines.insert(place, line[1:])
        else:
            assert lines.count(line[1:]) == 1, f"{file.name} has no single line {line[1:]!r}"
            place = lines.index(line[1:])
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """A copy with every file and every line of the guides."""
    made = Copy(tmp_path_factory.mktemp("checkout"), "configs")
    for block in blocks(PAGE):
        if block.language == "diff":
            add_lines(made.folder / block.file, block.text)
        elif block.file:
            made.write(block.file, block.text)
    make_model_folder(made.folder / "ToyVL-1B", TOY)
    return made


CONFIG = "model: {path: ToyVL-1B}\ndata: {train: [train.jsonl], max_length: 512}\n"


def test_the_commands_of_the_guide_run(copy: Copy) -> None:
    lines = [line for one in blocks(PAGE) if one.language == "sh" for line in one.text.splitlines()]
    assert len(lines) > 3
    for line in lines:
        copy.run_line(line)


def test_a_familys_file_is_written_as_the_others_are(copy: Copy) -> None:
    assert copy.is_clean([one.file for one in blocks(PAGE) if one.language == "python"])


def test_tokens_know_the_family(copy: Copy) -> None:
    done = copy.vlft("tokens", "--model", "toy_vl", "640x480", "--format", "json")
    (picture,) = json.loads(done.stdout)
    assert picture["tokens"] == 640 // 32 * 480 // 32
    of_folder = copy.vlft("tokens", "--model", "ToyVL-1B", "640x480", "--format", "json")
    assert json.loads(of_folder.stdout) == [picture]


def test_validate_knows_the_family(copy: Copy) -> None:
    wrong = copy.findings(CONFIG + "pixels: {tiles: 6}\nlaunch: {gpus: none}\n")
    (finding,) = [one for one in wrong if one["path"] == "pixels.tiles"]
    assert finding["severity"] == "error"
    assert "ToyVL has no tiles" in finding["hint"]
    right = copy.findings(CONFIG + "pixels: {max: 64*32*32}\nlaunch: {gpus: none}\n")
    assert [one for one in right if one["path"].startswith("pixels")] == []


def test_plan_knows_its_limits_and_its_memory(copy: Copy) -> None:
    (copy.folder / "plan.yaml").write_text(CONFIG + "pixels: {max: 64*32*32}\n", encoding="utf-8")
    done = copy.vlft("plan", "plan.yaml", "--format", "json", "--hardware", "1xA100-80G")
    plan = json.loads(done.stdout)
    limited = copy.vlft("tokens", "--config", "plan.yaml", "2000x2000", "--format", "json")
    assert json.loads(limited.stdout)[0]["tokens"] == 64
    # Embedding and head, two decoder layers; patch embedding, two blocks, the merger; LoRA.
    text = (
        2 * 64_000 + 2 * (64 * 64 + 2 * 64 * 32 + 64 + 2 * 32 + 64 * 64 + 3 * 64 * 128 + 128) + 64
    )
    block = 3 * 32 * 33 + 32 * 33 + 64 * 33 + 32 * 65 + 4 * 32
    vision = 32 * (3 * 2 * 256 + 1) + 2 * block + 2 * 32 + 128 * 129 + 64 * 129
    # Rank 8 on the linear layers of the decoder: q, k, v, o, gate, up, down.
    sizes = ((64, 64), (64, 32), (64, 32), (64, 64), (64, 128), (64, 128), (128, 64))
    lora = 2 * 8 * sum(width + height for width, height in sizes)
    assert plan["memory"]["trainable_parameters"] == lora
    assert plan["memory"]["parameters"] == text + vision + lora


def test_the_demo_knows_the_family(copy: Copy) -> None:
    done = copy.vlft("demo", "--family", "no_vl")
    assert done.returncode == 2
    assert "toy_vl" in done.stderr


def test_the_rule_is_found_explained_and_silent(copy: Copy) -> None:
    config = CONFIG + "launch: {gpus: none}\ntrain: {seed: NUMBER}\n"
    for number, rules in (("13", ["toy.seed"]), ("42", [])):
        found = [one["rule"] for one in copy.findings(config.replace("NUMBER", number))]
        assert [rule for rule in found if rule.startswith("toy.")] == rules
    assert "Seed 13 is unlucky." in copy.vlft("explain", "toy.seed").stdout


@pytest.mark.swift
def test_the_tiny_model_is_built(copy: Copy) -> None:
    builder = ROOT / "tools" / "tiny_model.py"
    (copy.folder / "tools").mkdir(exist_ok=True)
    shutil.copy(builder, copy.folder / "tools")
    words = ("tools/tiny_model.py", "--family", "toy_vl", "--output", "models/ToyVL-1B")
    done = copy.run(sys.executable, *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["family"] == "toy_vl"
    assert (copy.folder / "models" / "ToyVL-1B" / "model.safetensors").is_file()
