"""A copy of the package and of the tests that the guides name, in which a guide is followed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.doc_blocks import ROOT


class Copy:
    """A copy, and its own `vlft`.

    Attributes:
        folder: Where it is; the working directory of what is run.
        env: The environment of what is run.
    """

    def __init__(self, folder: Path, *more: str) -> None:
        """Copies, and writes 64 rows into train.jsonl.

        Args:
            folder: An empty one.
            more: Folders of the repository that are needed as well.
        """
        self.folder = folder
        self.env = os.environ | {
            "PYTHONPATH": str(folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        skipped = shutil.ignore_patterns("__pycache__")
        for name in ("vlft", "tests/rules", "tests/support", *more):
            shutil.copytree(ROOT / name, folder / name, ignore=skipped)
        for file in ROOT.glob("tests/*.py"):
            shutil.copy(file, folder / "tests")
        shutil.copy(ROOT / "pyproject.toml", folder)
        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        rows = (json.dumps({"messages": turns}) + "\n") * 64
        (folder / "train.jsonl").write_text(rows, encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        """Writes a file of the guide, which is a new one."""
        file = self.folder / name
        assert not file.exists()
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )

    def vlft(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "vlft", *words)

    def run_line(self, line: str) -> None:
        """Runs a line of the guide, which must succeed."""
        words = line.split()
        program = [sys.executable, "-m", "vlft"] if words[0] == "vlft" else [sys.executable]
        done = self.run(*program, *words[1:])
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    def findings(self, text: str) -> list[dict[str, Any]]:
        """What `vlft validate` reports for a config."""
        (self.folder / "config.yaml").write_text(text, encoding="utf-8")
        done = self.vlft("validate", "config.yaml", "--format", "json")
        found: list[dict[str, Any]] = json.loads(done.stdout)["files"][0]["findings"]
        return found

    def is_clean(self, files: list[str]) -> bool:
        """Whether ruff finds nothing in files, nor would format them; the test skips without it."""
        ruff = shutil.which("ruff", path=self.env["PATH"])
        if ruff is None:
            pytest.skip("ruff is not installed")
        checked = self.run(ruff, "check", *files).stdout
        formatted = self.run(ruff, "format", "--check", *files)
        assert checked == "All checks passed!\n", checked
        return formatted.returncode == 0
