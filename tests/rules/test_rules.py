"""Every rule has an example that breaks it and one that keeps it, and says what to do."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from examples import EXAMPLES, Example
from examples.folder import lay_out
from golden_cases import prepare_folder

from vlft.findings import Finding
from vlft.pipeline import look_at_hardware, prepare
from vlft.rules import all_rules

RULES = all_rules()


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all examples; nothing is written there."""
    from support.folders import make_model_folder

    folder = tmp_path_factory.mktemp("examples").resolve()
    prepare_folder(folder, make_model_folder)
    file = folder / "config.yaml"
    file.write_text(
        "model:\n  path: Qwen2-VL-2B-Instruct\n"
        "data:\n  train: [train.jsonl]\nlaunch: {gpus: none}\n"
    )
    return file


@pytest.fixture
def examples(laid_out: Path, monkeypatch: Any) -> Path:
    monkeypatch.chdir(laid_out.parent)
    return laid_out


@pytest.fixture
def config(tmp_path: Path, monkeypatch: Any, make_model: Any, write_config: Any) -> Path:
    """The same in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, make_model)
    file: Path = write_config()
    return file


def found(config: Path, overrides: list[str], example: Example) -> list[Finding]:
    environ = {"PATH": "/usr/bin:/bin", **example.environ}
    prepared = prepare(config, overrides, look_at_hardware(example.hardware), environ)
    return list(prepared.findings)


def test_every_rule_has_examples() -> None:
    assert set(EXAMPLES) == set(RULES)


@pytest.mark.parametrize("rule", sorted(EXAMPLES))
def test_all_rules_are_silent_where_one_is_kept(rule: str, examples: Path) -> None:
    """What is said where it is broken: test_expected.py."""
    example = EXAMPLES[rule]
    assert found(examples, example.passes, example) == []


def test_the_config_that_examples_start_from_is_right(examples: Path) -> None:
    assert found(examples, [], Example([], [])) == []


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_rule_says_in_a_sentence_what_must_hold(rule: str) -> None:
    sentence = RULES[rule].sentence
    assert re.fullmatch(r"[^.]+(\.[a-z_]+[^.]*)*\.", sentence), sentence
    assert RULES[rule].source
    assert re.fullmatch(r"[a-z]+\.[a-z-]+", rule)


def test_a_deepspeed_file_is_a_file(config: Path, tmp_path: Path) -> None:
    overrides = ["deepspeed=zero.json"]
    assert [f.rule for f in found(config, overrides, Example([], []))] == ["launch.deepspeed-name"]
    (tmp_path / "zero.json").write_text("{}")
    prepared = prepare(config, overrides, None)
    assert prepared.plan is not None
    assert prepared.plan.arguments["deepspeed"] == (str(tmp_path / "zero.json"),)


def test_the_folders_name_decides_whether_the_type_is_named(config: Path, tmp_path: Path) -> None:
    plain = prepare(config, [], None).plan
    assert plain is not None
    assert not {"model_type", "template"} & set(plain.arguments)
    shutil.copytree(tmp_path / "Qwen2-VL-2B-Instruct", tmp_path / "tiny-qwen2_vl")
    renamed = prepare(config, ["model.path=tiny-qwen2_vl"], None).plan
    assert renamed is not None
    assert renamed.arguments["model_type"] == renamed.arguments["template"] == ("qwen2_vl",)


def test_a_renamed_internvl_has_its_template_named(
    config: Path, tmp_path: Path, make_model: Any
) -> None:
    chat = {"architectures": ["InternVLChatModel"], "model_type": "internvl_chat"}
    make_model(tmp_path / "ours", chat)
    renamed = Example(["model.path=ours"], [])
    (finding,) = found(config, renamed.fails, renamed)
    assert finding.rule == "template.undecided"
    assert "internvl2_5" in (finding.hint or "")
    assert found(config, [*renamed.fails, "swift.template=internvl2_5"], renamed) == []


@pytest.mark.parametrize(
    "swift",
    [
        "{mrl_dims: 5}",
        "{columns: x.json}",
        "{accelerator_config: '{'}",
        "{device_groups: gpus}",
        "{lr_scheduler_kwargs: auto}",
    ],
)
def test_what_is_read_as_json_is_json(config: Path, swift: str) -> None:
    assert "swift.mapping" in [f.rule for f in found(config, [f"swift={swift}"], Example([], []))]


@pytest.mark.parametrize(
    "swift",
    [
        """{columns: '{"a": "b"}'}""",
        """{lr_scheduler_kwargs: '{"min_lr": 1e-6}'}""",
        "{mrl_dims: dims.json}",
        "{new_special_tokens: [tokens.txt, <a>]}",
    ],
)
def test_files_and_texts_are_read_as_ms_swift_reads_them(
    config: Path, tmp_path: Path, swift: str
) -> None:
    (tmp_path / "dims.json").write_text('{"256": 1}')
    (tmp_path / "tokens.txt").touch()
    assert found(config, [f"swift={swift}"], Example([], [])) == []


def test_a_secret_that_differs_is_not_shown(config: Path) -> None:
    example = Example(["env.HF_TOKEN=hf_mine"], [], environ={"HF_TOKEN": "hf_theirs"})
    (finding,) = found(config, example.fails, example)
    assert finding.rule == "env.differs"
    assert "hf_" not in finding.message
