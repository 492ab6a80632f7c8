"""CONTRIBUTING.md, "Add an engine", is followed literally, in a copy of the package."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.doc_blocks import ROOT, blocks
from support.folders import make_model_folder
from support.standin_swift import standin_interpreter

PAGE = "CONTRIBUTING.md"
GUIDE = (ROOT / PAGE).read_text().partition("\n## Add an engine\n")[2].partition("\n## ")[0]
NAME = "background"
CONFIG = "model: {path: Qwen2-VL-2B-Instruct}\ndata: {train: [train.jsonl]}\n"
ON = CONFIG + "launch: {gpus: none, engine: background, python: PYTHON}\n"


class Copy:
    """A copy of the package in which the guide was followed."""

    def __init__(self, folder: Path, python: str) -> None:
        self.folder = folder
        self.python = python
        self.env = os.environ | {
            "PYTHONPATH": str(folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )

    def vlft(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "vlft", *words)

    def config(self, text: str) -> str:
        file = self.folder / "config.yaml"
        file.write_text(text.replace("PYTHON", self.python), encoding="utf-8")
        return file.name

    def findings(self, text: str) -> dict[str, str]:
        done = self.vlft("validate", self.config(text), "--format", "json")
        found = {
            one["rule"]: one["path"] for one in json.loads(done.stdout)["files"][0]["findings"]
        }
        return {rule: path for rule, path in found.items() if not rule.startswith("packages.")}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The package and the tests of rules, with every file of the guide."""
    folder = tmp_path_factory.mktemp("checkout")
    skipped = shutil.ignore_patterns("__pycache__")
    for name in ("vlft", "tests/rules", "tests/support"):
        shutil.copytree(ROOT / name, folder / name, ignore=skipped)
    for file in ROOT.glob("tests/*.py"):
        shutil.copy(file, folder / "tests")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for block in blocks(PAGE):
        if block.file and block.text in GUIDE:
            assert block.language == "python", "a new engine changes no other file"
            file = folder / block.file
            assert not file.exists()
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
    make_model_folder(folder / "Qwen2-VL-2B-Instruct")
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    (folder / "train.jsonl").write_text((json.dumps(row) + "\n") * 64, encoding="utf-8")
    python = standin_interpreter(folder / "trainer")
    (site,) = (folder / "trainer").glob("lib/python3.*/site-packages")
    (site / "swift" / "cli" / "sft.py").write_text(
        "import sys, time\n"
        "seed = sys.argv[sys.argv.index('--seed') + 1]\n"
        "print('trained', seed, flush=True)\n"
        "time.sleep(60 if seed == '9' else 0)\n"
    )
    return Copy(folder, python)


def status(copy: Copy, run: str, *unlike: str) -> str:
    """What `runs list` says, once it is none of those."""
    for _ in range(300):
        rows = json.loads(copy.vlft("runs", "list", "--format", "json").stdout)
        (found,) = [row["status"] for row in rows if row["id"] == run]
        if found not in unlike:
            return str(found)
        time.sleep(0.1)
    pytest.fail(f"{run} stays {found}")


def test_the_guides_files_are_written_as_the_others_are(copy: Copy) -> None:
    ruff = shutil.which("ruff", path=copy.env["PATH"])
    if ruff is None:
        pytest.skip("ruff is not installed")
    files = [one.file for one in blocks(PAGE) if one.file and one.text in GUIDE]
    assert len(files) == 5
    assert copy.run(ruff, "check", *files).stdout == "All checks passed!\n"
    done = copy.run(ruff, "format", "--check", *files)
    assert done.returncode == 0, done.stdout


def test_its_commands_run(copy: Copy) -> None:
    shell = [one for one in blocks(PAGE) if one.language == "sh" and one.text in GUIDE]
    lines = [line for one in shell for line in one.text.splitlines()]
    assert len(lines) == 4
    for line in lines:
        words = line.split()
        program = [sys.executable, "-m", "vlft"] if words[0] == "vlft" else [sys.executable]
        done = copy.run(*program, *words[1:])
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_validate_knows_its_section_and_its_rules(copy: Copy) -> None:
    assert copy.findings(ON) == {}
    assert copy.findings(ON + "background: {nice: 5}\n") == {}
    assert copy.findings(ON + "background: {nice: 0}\n") == {"background.nice": "background.nice"}
    assert copy.findings(ON + "background: {nice: 20}\n") == {"config.type": "background.nice"}
    elsewhere = copy.findings(CONFIG + "launch: {gpus: none}\nbackground: {nice: 0}\n")
    assert elsewhere == {"background.section": "background"}
    unknown = copy.vlft("validate", copy.config(CONFIG + "launch: {engine: backgroun}\n")).stdout
    assert "did you mean `background`?" in unknown


def test_schema_offers_it(copy: Copy) -> None:
    schema = json.loads(copy.vlft("schema").stdout)
    assert NAME in schema["$defs"]["Launch"]["properties"]["engine"]["enum"]
    assert "nice" in schema["$defs"]["Background"]["properties"]


def test_a_dry_run_describes_it(copy: Copy) -> None:
    words = ("train", copy.config(ON), "--no-validate", "--dry-run", "--run-id", "dry")
    assert copy.vlft(*words).stdout.startswith("nice -n 10 env ")
    shown = json.loads(copy.vlft(*words, "--format", "json").stdout)
    assert shown["engine"] == NAME
    assert not (copy.folder / "output" / "dry").exists()


def test_it_trains_and_its_runs_are_listed_logged_and_stopped(copy: Copy) -> None:
    config = copy.config(ON + "train: {seed: 1}\n")
    done = copy.vlft("train", config, "--no-validate", "--run-id", "short")
    assert (done.returncode, done.stdout) == (0, f"{copy.folder / 'output' / 'short'}\n"), done
    assert status(copy, "short", "starting", "running") == "finished"
    assert copy.vlft("runs", "logs", "short").stdout.startswith("trained 1\n")
    words = ("train", config, "--no-validate", "--set", "train.seed=9", "--run-id", "long")
    assert copy.vlft(*words).returncode == 0
    assert status(copy, "long", "starting") == "running"
    stopped = copy.vlft("runs", "stop", "long")
    assert (stopped.returncode, stopped.stdout) == (0, "long  killed\n"), stopped.stderr
    resumed = copy.vlft("runs", "resume", "long")
    assert (resumed.returncode, "no checkpoint" in resumed.stderr) == (1, True)
