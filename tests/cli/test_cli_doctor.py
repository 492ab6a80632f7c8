"""`vlft doctor`: what is installed, and what works with it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def environment(tmp_path: Path) -> Any:
    """Makes an environment as its files tell it, with packages of these versions."""

    def make(folder: str = "env", **packages: str) -> str:
        prefix = tmp_path / folder
        site = prefix / "lib" / "python3.11" / "site-packages"
        site.mkdir(parents=True)
        if "ms_swift" in packages:
            (site / "swift").mkdir()
            (site / "swift" / "__init__.py").touch()
        for name, version in packages.items():
            (site / f"{name}-{version}.dist-info").mkdir()
        (prefix / "bin").mkdir()
        (prefix / "bin" / "python").symlink_to(sys.executable)
        (prefix / "pyvenv.cfg").write_text("version = 3.11.7\n")
        return str(prefix / "bin" / "python")

    return make


TOKEN = "hf_secret"
WHOLE = {
    "ms_swift": "4.6.0",
    "torch": "2.8.0",
    "torchvision": "0.23.0",
    "transformers": "5.0.0",
    "qwen_vl_utils": "0.0.14",
    "decord": "0.6.0",
    "bitsandbytes": "0.48.0",
}


def test_an_environment_in_order(vlft: Any, environment: Any) -> None:
    python = environment(**WHOLE)
    done = vlft(
        "doctor",
        "--python",
        python,
        "--format",
        "json",
        HF_TOKEN=TOKEN,
        HF_HOME="/x",
    )
    assert done.code == 0, done.out
    found = json.loads(done.out)
    assert found["python"] == python
    assert found["packages"]["transformers"] == "5.0.0"
    assert found["problems"] == []
    assert found["quantization"]["bnb 8"] is None
    assert "gptqmodel" in found["quantization"]["gptq 4"]
    assert found["attention"]["sdpa"] is None
    assert "flash-attn" in found["attention"]["flash_attn"]
    assert found["environment"]["HF_HOME"] == "/x"
    assert found["environment"]["HF_TOKEN"] == "***"
    assert "hf_secret" not in done.out


def test_what_does_not_go_together_is_named(vlft: Any, environment: Any) -> None:
    lacking = {name: WHOLE[name] for name in ("ms_swift", "torch", "torchvision")}
    done = vlft(
        "doctor", "--python", environment(**lacking, transformers="4.52.0", autoawq="0.2.8")
    )
    assert done.code == 1
    for said in (
        "! qwen-vl-utils is not installed",
        "! neither decord nor torchcodec",
        "! autoawq does not work with transformers from 4.52 on",
        "Qwen3-VL: not met: transformers>=4.57",
    ):
        assert said in done.out


def test_without_ms_swift(vlft: Any, environment: Any) -> None:
    done = vlft("doctor", "--python", environment(torch="2.8.0"))
    assert (done.code, "! ms-swift is not installed" in done.out) == (1, True)
    assert vlft("doctor", "--python", "no/such/python").code == 1


def test_what_ms_swift_itself_asks_for_is_held_against_what_is_there(
    vlft: Any, environment: Any
) -> None:
    python = environment(**WHOLE)
    (info,) = Path(python).parent.parent.glob("lib/*/site-packages/ms_swift-*.dist-info")
    (info / "METADATA").write_text(
        "Name: ms-swift\nRequires-Dist: transformers <4.58,>=4.33\nRequires-Dist: peft<0.19\n"
        "Requires-Dist: torch>=2.0\nRequires-Dist: torchvision>99 ; extra == 'all'\n\n"
        "Requires-Dist: decord>99\n"
    )
    done = vlft("doctor", "--python", python)
    assert done.code == 1
    problems = [line for line in done.out.splitlines() if line.startswith("! ")]
    assert problems == [
        "! ms-swift 4.6.0 asks for transformers<4.58,>=4.33, and 5.0.0 is installed"
    ]


def test_each_interpreter_of_a_config_says_what_it_can_quantise(
    vlft: Any, environment: Any, write_config: Any, tmp_path: Path
) -> None:
    trainer = environment(**WHOLE)
    environment("other", ms_swift="4.6.0", gptqmodel="7.7.0", optimum="2.3.0", torch="2.8.0")
    extra = f"launch: {{gpus: none, python: {trainer}}}\n"
    config = write_config(extra + "export: {python: other/bin/python}\n")
    done = vlft("doctor", str(config), "--format", "json")
    assert done.code == 0, done.out
    found = json.loads(done.out)
    assert found["python"] == trainer
    assert found["exporter"]["python"] == str(tmp_path / "other" / "bin" / "python")
    assert found["exporter"]["packages"]["gptqmodel"] == "7.7.0"
    here, there = found["quantization"], found["exporter"]["quantization"]
    assert (here["bnb 8"], there["gptq 4"], there["gptq_v2 8"]) == (None, None, None)
    assert "gptqmodel" in here["gptq 4"]
    assert "bitsandbytes" in there["bnb 8"]
    text = vlft("doctor", str(config)).out
    assert "quantise       bnb 4, bnb 8" in text
    assert "quantise there gptq 2, gptq 3, gptq 4, gptq 8, gptq_v2 2" in text

    alone = write_config(extra)
    assert json.loads(vlft("doctor", str(alone), "--format", "json").out)["exporter"] is None
    (tmp_path / "broken.yaml").write_text("model: [\n")
    broken = vlft("doctor", "broken.yaml")
    assert (broken.code, "broken.yaml can't be read" in broken.err) == (1, True)
