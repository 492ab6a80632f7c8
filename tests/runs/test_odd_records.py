"""Records that are half-written, broken, huge or of somebody else: told at most, no crash."""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from vlft.cli import main
from vlft.files import write_json
from vlft.runs.record import remember

ODD: dict[str, bytes] = {
    "empty": b"",
    "half": b'{"id": "a", "na',
    "of zeros": bytes(4096),
    "binary": bytes(range(256)) * 16,
    "a list": b"[1, 2]",
    "null": b"null",
    "a number": b"1e999",
    "nested": b'{"a":' * 100_000,
    "huge": b'{"name": "' + b"x" * 2_000_000 + b'"}',
    "of other types": json.dumps(
        {
            "version": 99, "id": 7, "name": ["a"], "config": {"b": 1}, "overrides": "x",
            "started": 12, "host": [], "cwd": 3, "argv": None, "env": 1, "data": [1, {}, None],
            "status": ["finished"], "exit_code": "0", "reason": {}, "job": {"a": 1}, "pid": "1",
            "supervisor_pid": 10**40, "supervisor_started": "now", "arguments": 1, "world": [],
        }
    ).encode(),
    "of other numbers": b'{"supervisor_pid": -1, "supervisor_started": NaN, "started": Infinity, '
    b'"pid": 1e400, "status": "finished", "exit_code": Infinity, "cwd": "\\u0000", "config": ""}',
    "with lone surrogates": b'{"name": "\\ud800", "started": "\\udfff", "host": "\\ud800", '
    b'"status": "failed", "reason": "\\ud800", "config": "\\ud800"}',
}  # fmt: skip
FILES = ("run.json", "plan.json", "outcome.json", "process.json", "launcher.json", "job.json")
COMMANDS = (
    ("list",),
    ("list", "--format", "json"),
    ("show", "odd"),
    ("show", "odd", "--format", "json"),
    ("logs", "odd"),
    ("checkpoint", "odd"),
    ("stop", "odd", "--wait", "0"),
    ("resume", "odd", "--hardware", "none"),
)

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(monkeypatch: Any, capfd: Any, tmp_path: Path) -> Call:
    """Runs vlft's own `main` here: a process each would take minutes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")

    def run(*words: str) -> tuple[int, str, str]:
        cwd = Path.cwd()
        monkeypatch.setattr(sys, "argv", ["vlft", "runs", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        os.chdir(cwd)
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def make_run(folder: Path, name: str) -> Path:
    run = folder / "output" / name
    for step in (2, 4):
        (run / "checkpoints" / f"checkpoint-{step}").mkdir(parents=True, exist_ok=True)
        (run / "checkpoints" / f"checkpoint-{step}" / "trainer_state.json").write_text("{}")
    write_json(run / "run.json", {"id": name, "started": "2026-01-01T00:00:00+00:00"})
    write_json(run / "outcome.json", {"status": "failed", "exit_code": 1, "reason": "r"})
    remember(run)
    return run


@pytest.mark.parametrize("content", ODD)
def test_a_file_of_a_record_is_odd(content: str, call: Call, tmp_path: Path) -> None:
    good = make_run(tmp_path, "good")
    for file in FILES:
        odd = make_run(tmp_path, "odd")
        if file in ("process.json", "launcher.json", "job.json"):
            (odd / "outcome.json").unlink()
        (odd / file).write_bytes(ODD[content])
        for words in COMMANDS:
            code, out, err = call(*words)
            assert code in (0, 1), (file, words, err[-500:])
            assert "internal error" not in err, (file, words, err[-500:])
            if words[0] == "list":
                assert (code, good.name in out, "odd" in out) == (0, True, True), (file, err)
            if words[-1] == "json":
                json.loads(out)
        for path in odd.iterdir():
            if path.is_file():
                path.unlink()


def test_a_file_of_a_record_is_something_else(call: Call, tmp_path: Path) -> None:
    for file in FILES:
        odd = make_run(tmp_path, f"odd-{file}")
        (odd / file).unlink(missing_ok=True)
        (odd / file).mkdir()
        if file == "run.json":
            (odd / file).rmdir()
            os.mkfifo(odd / file)
    (tmp_path / "output" / "odd-plan.json" / "attempt-2").touch()
    (tmp_path / "output" / "odd-job.json" / "attempt-3").symlink_to("attempt-3")
    code, out, err = call("list")
    assert (code, err) == (0, "")
    assert {line.split()[0] for line in out.splitlines()} >= {"odd-plan.json", "odd-job.json"}


def test_an_index_with_odd_entries_held_by_somebody(call: Call, tmp_path: Path) -> None:
    make_run(tmp_path, "good")
    index = Path(platformdirs.user_state_dir("vlft", appauthor=False), "runs")
    odd: dict[str, bytes] = {**ODD, "nul": b"/a\0b\n", "gone": b"/nowhere/run\n", "self": b".\n"}
    for number, content in enumerate(odd.values()):
        (index / f"odd-{number}").write_bytes(content[:100_000])
    (index / "folder").mkdir()
    (index / "loop").symlink_to("loop")
    os.mkfifo(index / "pipe")
    with (index / "good").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # a backup's, say
        code, out, err = call("list", "--format", "json")
        assert (code, err) == (0, "")
        rows = json.loads(out)
        make_run(tmp_path, "second")
        assert [row["id"] for row in rows] == ["good"]
        assert call("show", "second")[0] == 0
        code, _, err = call("rm", "good", "--yes")
        assert (code, err) == (0, "")
    assert call("show", "good")[0] == 2


def test_an_index_that_cant_be_written_keeps_no_run_from_its_record(
    call: Call, tmp_path: Path, monkeypatch: Any
) -> None:
    state = tmp_path / "state"
    state.touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    make_run(tmp_path, "good")
    code, out, err = call("list")
    assert (code, out.split()[0], err) == (0, "good", ""), "found in ./output"
