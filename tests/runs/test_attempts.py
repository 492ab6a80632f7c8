"""Runs with several attempts, and runs that are followed, stopped and deleted."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from support.waiting import wait_for

from vlft.engines.resume import changed_data, changed_plan
from vlft.files import read_json, write_json
from vlft.runs.attempts import all_attempts, last_attempt, new_attempt
from vlft.runs.logs import follow, last_lines
from vlft.runs.record import Run, fingerprint, list_runs, read_run, remember

# A run without a trainer of ms-swift: what stop, logs and rm see is the same.
TRAINER = """
import os, time
print("one", flush=True)
while not os.path.exists({go!r}):
    time.sleep(0.01)
print("two")
"""
START = """
import os, sys
from pathlib import Path
from vlft.engines.local.run import run
from vlft.engines.process import Process
run(Process((sys.executable, "-c", sys.argv[2]), dict(os.environ), "/"), Path(sys.argv[1]))
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    """A run that ends once there is a file `go` in its folder."""
    folder.mkdir(parents=True)
    write_json(folder / "run.json", {"id": folder.name, "started": "2026-01-01T00:00:00+00:00"})
    remember(folder)
    words = [sys.executable, "-c", START, str(folder), TRAINER.format(go=str(folder / "go"))]
    return subprocess.Popen(words)


def found(folder: Path) -> Run:
    run = read_run(folder)
    assert run is not None
    return run


def wait_for_text(path: Path, text: str) -> None:
    wait_for(lambda: path.exists() and text in path.read_text(), f"{text} in {path.name}")


def test_the_last_attempt_counts(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {})
    write_json(tmp_path / "outcome.json", {"status": "killed"})
    first = found(tmp_path)
    assert (first.status, first.attempt) == ("killed", tmp_path)
    second = new_attempt(tmp_path, after=first.attempt)
    assert found(tmp_path).status == "starting"
    with pytest.raises(FileExistsError):
        new_attempt(tmp_path, after=first.attempt)
    write_json(second / "outcome.json", {"status": "finished", "exit_code": 0})
    assert found(tmp_path).status == "finished"
    for _ in range(10):
        new_attempt(tmp_path, after=last_attempt(tmp_path))
    assert [path.name for path in all_attempts(tmp_path)[1:]] == [
        f"attempt-{number}" for number in range(2, 13)
    ]


def test_a_launcher_that_died_before_its_run_began_leaves_a_killed_run(tmp_path: Path) -> None:
    write_json(tmp_path / "run.json", {})
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    write_json(tmp_path / "launcher.json", {"pid": dead.pid, "started": time.time()})
    assert found(tmp_path).status == "killed"


def test_a_run_is_stopped_followed_and_deleted(vlft: Any, tmp_path: Path) -> None:
    folder = tmp_path / "output" / "long-run"
    process = start(folder)
    wait_for_text(folder / "stdout.log", "one")
    refused = vlft("runs", "rm", "long-run", "--yes")
    assert (refused.code, "is running" in refused.err) == (1, True)

    lines: list[str] = []
    following = threading.Thread(
        target=lambda: lines.append(vlft("runs", "logs", "long-run", "-f").out)
    )
    following.start()
    stopped = vlft("runs", "stop", "long-run")
    assert stopped.code == 0, stopped.err
    assert stopped.out.split() == ["long-run", "stopped"]
    following.join()
    assert lines == ["one\n"]
    process.wait()
    assert (read_json(folder / "outcome.json") or {})["status"] == "stopped"
    assert vlft("runs", "stop", "long-run").code == 1

    asked = vlft("runs", "rm", "long-run")
    assert (asked.code, "--yes" in asked.err) == (2, True)
    assert vlft("runs", "rm", "long-run", "--yes").code == 0
    assert not folder.exists()
    assert json.loads(vlft("runs", "list", "--format", "json").out) == []


def test_following_sees_what_is_written_until_the_end(vlft: Any, tmp_path: Path) -> None:
    folder = tmp_path / "output" / "short-run"
    process = start(folder)
    words = [sys.executable, "-m", "vlft", "runs", "logs", "short-run", "--follow"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "one\n"
        (folder / "go").touch()
        assert following.stdout.read() == "two\n"
    assert following.returncode == 0
    process.wait()
    assert vlft("runs", "logs", "short-run", "-n", "1").out == "two\n"
    assert vlft("runs", "logs", "short-run", "-n", "0").out == "one\ntwo\n"


def test_following_loses_no_line(tmp_path: Path) -> None:
    """What is written while the last lines are shown comes after them, once and whole."""
    write_json(tmp_path / "run.json", {})
    log = tmp_path / "stdout.log"
    log.write_text("".join(f"{number}\n" for number in range(30)) + "a part")
    following = follow(tmp_path, 2)
    assert next(following) == "28"
    with log.open("a") as stream:
        stream.write(" of a line\nlast")
    write_json(tmp_path / "outcome.json", {"status": "finished", "exit_code": 0})
    assert list(following) == ["29", "a part of a line", "last"]
    assert list(last_lines(tmp_path, 2)) == ["a part of a line", "last"]
    assert len(list(last_lines(tmp_path, None))) == 32


def test_runs_of_another_machine_are_stopped_there(vlft: Any, tmp_path: Path) -> None:
    folder = tmp_path / "output" / "there"
    process = start(folder)
    wait_for_text(folder / "stdout.log", "one")
    write_json(folder / "run.json", {"host": "elsewhere", "started": ""})
    refused = vlft("runs", "stop", "there")
    assert (refused.code, "was started on elsewhere" in refused.err) == (1, True)
    process.terminate()
    process.wait()
    assert list_runs()


def test_a_run_of_another_machine_is_not_taken_for_dead(vlft: Any, tmp_path: Path) -> None:
    """Its pids mean nothing here, and two trainers must not write into one folder."""
    folder = tmp_path / "output" / "there"
    (folder / "checkpoints").mkdir(parents=True)
    write_json(folder / "run.json", {"host": "elsewhere", "started": ""})
    write_json(folder / "process.json", {"supervisor_pid": 1, "supervisor_started": 0.0})
    assert found(folder).status == "running"
    refused = vlft("runs", "resume", str(folder))
    assert (refused.code, "is running" in refused.err) == (1, True)
    refused = vlft("runs", "stop", str(folder))
    assert (refused.code, "--lost" in refused.err) == (1, True)
    noted = vlft("runs", "stop", str(folder), "--lost")
    assert noted.out == "there  killed\n", noted.err
    assert "elsewhere, is gone" in found(folder).outcome["reason"]


def test_a_run_of_an_earlier_vlft_elsewhere_is_the_same_run() -> None:
    plugin = "site-packages/vlft/trainer_side/own_code/vlft_own_code.py"
    before = {"arguments": {"external_plugins": [f"/old/{plugin}", "mine.py"]}, "env": {}}
    now = {
        "arguments": {
            "add_version": ["false"],
            "external_plugins": [f"/new/{plugin}", "mine.py"],
        },
        "env": {"OMP_NUM_THREADS": "8"},
    }
    assert tuple(changed_plan(before, now)) == ()
    now["arguments"]["external_plugins"][1] = "other.py"  # type: ignore[index]
    assert len(tuple(changed_plan(before, now))) == 1
    now["arguments"] = {"add_version": ["true"]}
    before["arguments"] = {"add_version": ["false"]}
    assert len(tuple(changed_plan(before, now))) == 1


def test_changes_are_named(tmp_path: Path) -> None:
    before = {"arguments": {"learning_rate": ["1e-4"], "seed": ["1"]}, "world": {"nnodes": 1}}
    now = {
        "arguments": {"learning_rate": ("1e-4",), "resume_from_checkpoint": ("c",)},
        "world": {"nnodes": 2},
    }
    assert tuple(changed_plan(before, now)) == (
        "seed was 1, and is not set",
        "world.nnodes was 1, and is 2",
    )
    file = tmp_path / "rows.jsonl"
    file.write_text("old\n")
    known = fingerprint(file)
    record = {"data": [{"path": known.path, "bytes": known.bytes, "xxh3": known.xxh3}]}
    run = Run(tmp_path, record, "killed", {}, tmp_path)
    assert tuple(changed_data(run)) == ()
    file.write_text("new\n")
    assert tuple(changed_data(run)) == (f"{file} has another content than before",)
    file.write_text("longer\n")
    assert tuple(changed_data(run)) == (f"{file} had 4 bytes, and has 7",)
    file.unlink()
    assert "can't be read" in next(changed_data(run))
