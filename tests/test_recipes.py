"""Every shipped recipe validates without a word, and fits the machine that its name says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from vlft.estimate import look_ahead
from vlft.pipeline import Ready, look_at_hardware, prepare
from vlft.probe.collect import known_config
from vlft.recipes import Recipe, recipes

RECIPES = recipes()
ROW = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the data file that the recipes name."""
    (tmp_path / "train.jsonl").write_text((json.dumps(ROW) + "\n") * 10_000)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_recipes_for_what_people_use() -> None:
    names = " ".join(one.name for one in RECIPES)
    wanted = ("qwen2-vl-2b", "qwen2-vl-7b", "qwen2.5-vl-3b", "qwen2.5-vl-7b", "qwen2.5-vl-72b",
              "qwen3-vl-4b", "qwen3-vl-8b", "qwen3-vl-30b-a3b", "internvl3-2b", "internvl3-8b",
              "lora", "qlora", "full", "1x24g", "1x80g", "4x80g", "8x80g", "slurm", "ocr-json",
              "grounding", "video")  # fmt: skip
    assert [one for one in wanted if one not in names] == []


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.name)
def test_a_recipe_is_right_and_fits(recipe: Recipe, workplace: Path) -> None:
    copied = workplace / recipe.file.name
    copied.write_text(recipe.file.read_text())
    prepared = prepare(copied, [], look_at_hardware(recipe.hardware), {"PATH": "/usr/bin:/bin"})
    assert [f"{one.rule}: {one.message}" for one in prepared.findings] == []
    assert isinstance(prepared, Ready)
    outlook = look_ahead(prepared)
    assert outlook.memory is not None, outlook.unknown
    gpu_bytes = outlook.ready.run.gpu_bytes
    assert gpu_bytes is not None
    assert outlook.memory.reserved_high <= gpu_bytes
    gpus, size = re.search(r"(\d)x(\d+)g", recipe.name.replace("2x8x", "8x")).groups()  # type: ignore[union-attr]
    assert 0.95 * int(size) <= gpu_bytes / 1024**3 <= int(size)  # a card's own count
    nodes = 2 if "2x8x" in recipe.name else 1
    assert outlook.ready.plan.batch.world_size == int(gpus) * nodes
    text = copied.read_text()
    assert len(text.splitlines()) <= 40
    assert all(len(line) <= 110 for line in text.splitlines())
    assert known_config(recipe.model) is not None


def test_recipes_are_listed_shown_and_copied(vlft: Any, tmp_path: Path) -> None:
    listed = json.loads(vlft("ls", "--model", "qwen3", "--gpu", "1x", "--format", "json").out)
    assert [one["name"] for one in listed] == ["qwen3-vl-4b-lora-1x24g", "qwen3-vl-8b-lora-1x80g"]
    assert "qwen2-vl-2b-lora-1x24g" in vlft("ls").out
    assert vlft("ls", "--model", "no such").out == ""
    shown = vlft("cat", "qwen3-vl-8b-lora-1x80g")
    assert "path: Qwen/Qwen3-VL-8B-Instruct" in shown.out
    copied = vlft("cp", "qwen3-vl-8b-lora-1x80g")
    assert copied.out == "qwen3-vl-8b-lora-1x80g.yaml\n"
    assert (tmp_path / "qwen3-vl-8b-lora-1x80g.yaml").read_text() == shown.out
    again = vlft("cp", "qwen3-vl-8b-lora-1x80g")
    assert (again.code, "exists" in again.err) == (2, True)
    assert vlft("cp", "qwen3-vl-8b-lora-1x80g", "mine.yaml").code == 0
    wrong = vlft("cat", "qwen3-vl-8b-lora-1x80")
    assert (wrong.code, "did you mean `qwen3-vl-8b-lora-1x80g`?" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("hub_id", "parameters"),
    [
        ("Qwen/Qwen2-VL-2B-Instruct", 2_208_985_600),
        ("Qwen/Qwen2.5-VL-72B-Instruct", 73_410_777_344),
        ("Qwen/Qwen3-VL-30B-A3B-Instruct", 31_070_754_032),
    ],
)
def test_known_sizes_give_the_published_parameters(
    hub_id: str, parameters: int, workplace: Path
) -> None:
    """The sums in the index files of the published weights."""
    (workplace / "c.yaml").write_text(
        f"model: {{path: {hub_id}, hub: huggingface}}\ndata: {{train: [train.jsonl]}}\n"
    )
    ready = prepare(workplace / "c.yaml", [], look_at_hardware("8xH200"))
    assert isinstance(ready, Ready)
    outlook = look_ahead(ready)
    assert outlook.memory is not None
    assert outlook.memory.parameters - outlook.memory.trainable_parameters == parameters
