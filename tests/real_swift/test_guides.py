"""The guides, typed as they stand, by someone with a tiny model and pictures of three colours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.doc_blocks import script, write_files


@pytest.fixture
def desk(tmp_path: Path, tiny_model: Path, colors: Path) -> Path:
    """A folder with a model and pictures that are named after what they show."""
    shutil.copytree(tiny_model, tmp_path / tiny_model.name)
    (tmp_path / "pictures").mkdir()
    for number in range(8):
        for picture in sorted(colors.parent.glob("*.png")):
            shutil.copy(picture, tmp_path / "pictures" / f"{picture.stem}-{number + 1}.png")
    return tmp_path


def typed(page: str, folder: Path) -> str:
    """What bash prints when it is given all commands of a page."""
    programs = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-x", "-c", script(page)],
        cwd=folder,
        env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    return done.stdout


def test_from_pictures_to_a_merged_model(desk: Path) -> None:
    write_files("docs/first-steps.md", desk)
    out = typed("docs/first-steps.md", desk)
    assert (desk / "my-model" / "model.safetensors").is_file()
    assert len((desk / "train.jsonl").read_text().splitlines()) == 20
    assert "config.yaml: ok" in out
    assert "finished" in out


def test_a_script_of_ms_swift_becomes_a_run(desk: Path) -> None:
    write_files("docs/first-steps.md", desk)
    subprocess.run([sys.executable, "rows.py"], cwd=desk, check=True)
    write_files("docs/from-swift.md", desk)
    out = typed("docs/from-swift.md", desk)
    assert (desk / "merged" / "model.safetensors").is_file()
    assert "--tuner_type lora" in out
    assert "finished" in out
