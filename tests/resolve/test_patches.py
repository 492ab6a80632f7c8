"""Which mends a checkpoint with its own code needs, by its form and the versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vlft.models.base import Patch
from vlft.pipeline import prepare
from vlft.probe.checkpoint import Checkpoint, read_checkpoint
from vlft.resolve.model import PATCHES_VERSION, PLUGIN, WHY, is_patched, patches_of, with_patches

QWEN2 = {"architectures": ["Qwen2ForCausalLM"]}
INTERNLM2 = {
    "architectures": ["InternLM2ForCausalLM"],
    "auto_map": {"AutoModelForCausalLM": "modeling_internlm2.InternLM2ForCausalLM"},
}
OURS = str(PLUGIN)


@pytest.fixture
def checkpoint(tmp_path: Path, make_model: Any) -> Any:
    def make(language: Any, code: str = "", **more: Any) -> Checkpoint:
        config = {
            "architectures": ["InternVLChatModel"],
            "model_type": "internvl_chat",
            "auto_map": {"AutoConfig": "configuration_a.Config"},
            "llm_config": language,
            **more,
        }
        folder = make_model(tmp_path / "InternVL3-1B", config)
        (folder / "configuration_a.py").write_text(code)
        return read_checkpoint(folder)

    return make


def test_the_table_of_what_was_tried(checkpoint: Any) -> None:
    """docs/internvl.md; each line but 4.49 was run with the public code."""
    today, before, old = ({"transformers": v} for v in ("5.19.0", "4.57.6", "4.49.0"))
    qwen2 = checkpoint(QWEN2)
    assert patches_of(qwen2, today) == ("post-init",)
    assert patches_of(qwen2, today, bnb=True) == ("post-init", "bnb-head")
    assert patches_of(qwen2, before) == ()
    assert patches_of(qwen2, before, bnb=True) == ("bnb-head",)
    internlm2 = checkpoint(INTERNLM2)
    assert patches_of(internlm2, today) == ("post-init", "ties", "buffers", "generate", "caches")
    assert patches_of(internlm2, before, bnb=True) == ("generate", "caches")
    assert patches_of(internlm2, old) == ()
    older = checkpoint(QWEN2, "llm_config = {}")
    assert patches_of(older, today) == ("post-init", "config")
    assert patches_of(older, before) == ("config",)


def test_the_first_qwen_vl_and_its_texts_only_namesake(checkpoint: Any) -> None:
    today, before = {"transformers": "5.19.0"}, {"transformers": "4.57.6"}
    qwen = {"architectures": ["QWenLMHeadModel"], "model_type": "qwen"}
    pictures = checkpoint(None, **qwen, visual={"image_size": 448})
    assert patches_of(pictures, today) == ("buffers", "heads", "caches")
    assert patches_of(pictures, before, bnb=True) == ("caches", "bnb-tower")
    assert patches_of(checkpoint(None, **qwen), today, bnb=True) == ()


def test_other_models_are_left_alone(checkpoint: Any) -> None:
    today = {"transformers": "5.19.0"}
    assert patches_of(None, today, bnb=True) == ()
    assert patches_of(checkpoint(QWEN2, auto_map={}), today, bnb=True) == ()
    assert patches_of(checkpoint(QWEN2, model_type="internvl"), today, bnb=True) == ()
    assert patches_of(checkpoint(QWEN2), {}) == ("post-init",), "where nothing is known: today's"


def test_the_plugin_stands_before_the_users_own_and_once() -> None:
    mends: tuple[Patch, ...] = ("post-init",)
    old = "/old/site-packages/vlft/trainer_side/own_code/vlft_own_code.py"
    given = {"model": ("m",), "external_plugins": ("mine.py", old)}
    assert with_patches(given, mends)["external_plugins"] == (OURS, "mine.py")
    assert with_patches(given, ())["external_plugins"] == ("mine.py",)
    assert with_patches({"external_plugins": (old,)}, ()) == {}
    assert with_patches({"model": ("m",)}, mends) == {"model": ("m",), "external_plugins": (OURS,)}
    assert is_patched({"external_plugins": ("mine.py", OURS)})
    assert not is_patched({"external_plugins": ("own_code/vlft_own_code.py",)})


def test_plugin_and_record_tell_one_version() -> None:
    assert PLUGIN.is_file()
    assert f'VERSION = "{PATCHES_VERSION}"\n' in PLUGIN.with_name("__init__.py").read_text()
    assert all(reason == reason.strip() for reason in WHY.values())


@pytest.mark.parametrize(
    ("swift", "environ", "expected"),
    [
        ("{}", {}, "224"),
        ("{}", {"INPUT_SIZE": "336"}, None),
        ("{model_kwargs: {input_size: 336}}", {}, None),
    ],
)
def test_tiles_are_those_of_the_checkpoint_unless_it_is_said(
    checkpoint: Any, tmp_path: Path, swift: str, environ: dict[str, str], expected: str | None
) -> None:
    checkpoint(QWEN2, force_image_size=224)
    (tmp_path / "train.jsonl").touch()
    (tmp_path / "c.yaml").write_text(
        "model: {path: InternVL3-1B, trust_remote_code: true}\ndata: {train: [train.jsonl]}\n"
        f"launch: {{gpus: none}}\nswift: {swift}\n"
    )
    plan = prepare(tmp_path / "c.yaml", environ={"PATH": "", **environ}, judge=False).plan
    assert plan is not None
    assert plan.env.get("INPUT_SIZE") == expected
