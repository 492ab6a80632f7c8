"""CONTRIBUTING.md, "Add an engine", is followed literally, in a copy of the package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.doc_blocks import ROOT, blocks
from support.folders import make_model_folder
from support.guide_copy import Copy
from support.standin_swift import standin_interpreter
from support.waiting import HANG_S, wait_for

PAGE = "CONTRIBUTING.md"
GUIDE = (ROOT / PAGE).read_text().partition("\n## Add an engine\n")[2].partition("\n## ")[0]
NAME = "background"
CONFIG = "model: {path: Qwen2-VL-2B-Instruct}\ndata: {train: [train.jsonl]}\n"
ON = CONFIG + "launch: {gpus: none, engine: background, python: PYTHON}\n"


class EngineCopy(Copy):
    """A copy in which the guide was followed, and an interpreter whose ms-swift does little."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.python = standin_interpreter(folder / "trainer")

    def config(self, text: str) -> str:
        file = self.folder / "config.yaml"
        file.write_text(text.replace("PYTHON", self.python), encoding="utf-8")
        return file.name

    def rules(self, text: str) -> dict[str, str]:
        """The key of each rule that is broken."""
        found = {
            one["rule"]: one["path"] for one in self.findings(text.replace("PYTHON", self.python))
        }
        return {rule: path for rule, path in found.items() if not rule.startswith("packages.")}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> EngineCopy:
    """A copy with every file of the guide."""
    made = EngineCopy(tmp_path_factory.mktemp("checkout"))
    for block in blocks(PAGE):
        if block.file and block.text in GUIDE:
            assert block.language == "python", "a new engine changes no other file"
            made.write(block.file, block.text)
    make_model_folder(made.folder / "Qwen2-VL-2B-Instruct")
    (site,) = (made.folder / "trainer").glob("lib/python3.*/site-packages")
    (site / "swift" / "cli" / "sft.py").write_text(
        "import sys, time\n"
        "seed = sys.argv[sys.argv.index('--seed') + 1]\n"
        "print('trained', seed, flush=True)\n"
        f"time.sleep({10 * HANG_S} if seed == '9' else 0)\n"
    )
    return made


def status(copy: EngineCopy, run: str, *unlike: str) -> str:
    """What `runs list` says, once it is none of those."""

    def found() -> str | None:
        rows = json.loads(copy.vlft("runs", "list", "--format", "json").stdout)
        (shown,) = [row["status"] for row in rows if row["id"] == run]
        return None if shown in unlike else str(shown)

    return str(wait_for(found, f"{run} is none of {unlike}"))


def test_the_guides_files_are_written_as_the_others_are(copy: EngineCopy) -> None:
    files = [one.file for one in blocks(PAGE) if one.file and one.text in GUIDE]
    assert len(files) == 5
    assert copy.is_clean(files)


def test_its_commands_run(copy: EngineCopy) -> None:
    shell = [one for one in blocks(PAGE) if one.language == "sh" and one.text in GUIDE]
    lines = [line for one in shell for line in one.text.splitlines()]
    assert len(lines) == 4
    for line in lines:
        copy.run_line(line)


def test_validate_knows_its_section_and_its_rules(copy: EngineCopy) -> None:
    assert copy.rules(ON) == {}
    assert copy.rules(ON + "background: {nice: 5}\n") == {}
    assert copy.rules(ON + "background: {nice: 0}\n") == {"background.nice": "background.nice"}
    assert copy.rules(ON + "background: {nice: 20}\n") == {"config.type": "background.nice"}
    elsewhere = copy.rules(CONFIG + "launch: {gpus: none}\nbackground: {nice: 0}\n")
    assert elsewhere == {"background.section": "background"}
    unknown = copy.vlft("validate", copy.config(CONFIG + "launch: {engine: backgroun}\n")).stdout
    assert "did you mean `background`?" in unknown


def test_schema_offers_it(copy: EngineCopy) -> None:
    schema = json.loads(copy.vlft("schema").stdout)
    assert NAME in schema["$defs"]["Launch"]["properties"]["engine"]["enum"]
    assert "nice" in schema["$defs"]["Background"]["properties"]


def test_a_dry_run_describes_it(copy: EngineCopy) -> None:
    words = ("train", copy.config(ON), "--no-validate", "--dry-run", "--run-id", "dry")
    assert copy.vlft(*words).stdout.startswith("nice -n 10 env ")
    shown = json.loads(copy.vlft(*words, "--format", "json").stdout)
    assert shown["engine"] == NAME
    assert not (copy.folder / "output" / "dry").exists()


def test_it_trains_and_its_runs_are_listed_logged_and_stopped(copy: EngineCopy) -> None:
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
