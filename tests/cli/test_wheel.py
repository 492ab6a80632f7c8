"""The wheel: what it holds, and the recipes out of it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.doc_blocks import ROOT

from vlft.recipes import recipes


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "from hatchling.build import build_wheel; import sys; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, folder], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("vlft-*.whl")
    assert wheel.stat().st_size < 1_500_000
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def ran(installed: Path, folder: Path, *words: str) -> str:
    """What the wheel's own vlft prints."""
    program = "import vlft, sys; assert vlft.__file__.startswith(sys.argv.pop(1)); "
    program += "from vlft.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, str(installed), *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_recipes_travel_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    listed = ran(installed, tmp_path, "ls")
    assert all(one.name in listed for one in recipes())
    name = recipes()[0].name
    shown = ran(installed, tmp_path, "cat", name)
    assert shown == recipes()[0].file.read_text()
    ran(installed, tmp_path, "cp", name)
    assert (tmp_path / f"{name}.yaml").read_text() == shown


def test_the_dumps_of_every_release_travel_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    there = {file.name for file in (installed / "vlft" / "swift" / "releases").iterdir()}
    assert there == {file.name for file in (ROOT / "vlft/swift/releases").iterdir()}
    script = tmp_path / "a.sh"
    script.write_text("swift sft --model_type qwen2-vl-2b-instruct --dataset a.jsonl\n")
    assert "path: Qwen/Qwen2-VL-2B-Instruct" in ran(installed, tmp_path, "import", str(script))
