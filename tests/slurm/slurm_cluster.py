"""A real Slurm of two nodes, as tests use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.waiting import wait_for

SCRIPT = Path(__file__).with_name("cluster")


@dataclass(frozen=True)
class Answer:
    """A finished command."""

    code: int
    out: str
    err: str


class Cluster:
    """The controller's side of it, where users log in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started = False

    def up(self) -> None:
        for words in (("install",), ("up", str(self.folder))):
            self._started = words[0] == "up"
            done = subprocess.run([SCRIPT, *words], capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"cluster {words[0]}: {done.stderr[-2000:]}")

    def down(self) -> None:
        if self._started:
            subprocess.run([SCRIPT, "down", str(self.folder)], check=False)

    def run(self, *words: str | Path, cwd: Path | None = None, **env: str) -> Answer:
        done = subprocess.run(
            [str(self.folder / "on"), *map(str, words)],
            cwd=cwd,
            env=os.environ | env,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def vlft(self, cwd: Path, *words: str | Path, **env: str) -> Answer:
        return self.run(sys.executable, "-m", "vlft", *words, cwd=cwd, **env)

    def train(self, cwd: Path, *words: str | Path, **env: str) -> list[Path]:
        """The folders of what was submitted."""
        done = self.vlft(cwd, "train", *words, **env)
        assert done.code == 0, done.err
        return [Path(line) for line in done.out.splitlines()]

    def show(self, run: Path) -> Any:
        return json.loads(self.vlft(run, "runs", "show", run, "--format", "json").out)

    def wait_for(self, condition: Callable[[], Any], what: str, log: Path | None = None) -> Any:
        """What the condition gives once it is true."""

        def output() -> str:
            return "".join(file.read_text() for file in log.glob("slurm-*.out")) if log else ""

        return wait_for(condition, what, 0.2, output)

    def end(self, run: Path) -> Any:
        """How a run ended, once it has."""

        def ended() -> Any:
            shown = self.show(run)
            return shown if shown["status"] not in ("starting", "running") else None

        return self.wait_for(ended, f"the end of {run.name}", run)


def job_of(attempt: Path) -> str:
    number: str = json.loads((attempt / "job.json").read_text())["job"]
    return number


def steps_of(run: Path) -> list[int]:
    """The optimizer steps that ms-swift has logged, in their order."""
    log = run / "checkpoints" / "logging.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [int(row["global_step/max_steps"].partition("/")[0]) for row in rows if "loss" in row]
