"""A real vlft that trains, the processes that it started, and the harm that is done to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from support.waiting import wait_for
from vlft.runs.record import Run, read_run


def marked(mark: str) -> list[psutil.Process]:
    """Every process that has the mark in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("VLFT_TEST_MARK") == mark:
                found.append(process)
        except psutil.Error:
            continue
    return found


class Trial:
    """A vlft in a process of its own, whose trainer holds where it is told: see holding.py.

    Args:
        words: What vlft is called with.
        cwd: Where; the run is in `output` there.
        hold: As HOLD of holding.py; "" for nowhere.
        through: A program and its words that vlft is started by.
    """

    def __init__(
        self, *words: str | Path, cwd: Path, hold: str = "", through: Sequence[str] = ()
    ) -> None:
        self.cwd = cwd
        self.mark = uuid.uuid4().hex
        for name in ("held", "go"):
            (cwd / name).unlink(missing_ok=True)
        self.vlft = subprocess.Popen(
            [*through, sys.executable, "-m", "vlft", *map(str, words)],
            cwd=cwd,
            env=os.environ | {"VLFT_TEST_MARK": self.mark, "HOLD": hold, "HOLD_DIR": str(cwd)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_held(self) -> None:
        """Returns when the trainer has come to where it holds."""
        held = self.cwd / "held"
        wait_for(lambda: held.exists() or self.vlft.poll() is not None, "the hold")
        if not held.exists():
            pytest.fail("".join(self.vlft.communicate()))

    def release(self) -> None:
        """Lets the trainer go on."""
        (self.cwd / "go").touch()

    def processes(self) -> list[psutil.Process]:
        """All that belong to it."""
        return marked(self.mark)

    def rank(self, rank: int) -> psutil.Process:
        """The process of that rank."""
        (found,) = (one for one in self.processes() if one.environ().get("RANK") == str(rank))
        return found

    def torchrun(self) -> psutil.Process:
        """The launcher of the ranks."""
        (found,) = (
            one
            for one in self.processes()
            if "torch.distributed.run" in one.cmdline() and "RANK" not in one.environ()
        )
        return found

    def cut_power(self) -> None:
        """Kills everything at once: stopped first, so that none sees another one die."""
        processes = self.processes()
        for process in processes:
            process.suspend()
        for process in processes:
            process.kill()
        self.vlft.communicate()
        psutil.wait_procs(processes)

    def end(self) -> tuple[int, str]:
        """Waits for vlft, and for all else that it started; its exit code and what it said."""
        said = self.vlft.communicate()[1]
        wait_for(lambda: not self.processes(), "the end of all processes")
        return self.vlft.returncode, said


def only_run(cwd: Path) -> Run:
    """The run there."""
    (folder,) = (path for path in (cwd / "output").iterdir() if (path / "run.json").exists())
    run = read_run(folder)
    assert run is not None
    return run


def steps_and_losses(run: Path) -> dict[int, float]:
    """The loss of each optimizer step; of one done twice, the last."""
    rows = map(json.loads, (run / "checkpoints" / "logging.jsonl").read_text().splitlines())
    return {
        int(row["global_step/max_steps"].partition("/")[0]): row["loss"]
        for row in rows
        if "loss" in row
    }
