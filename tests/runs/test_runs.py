"""Records of runs: found again, read in any state, safe to share."""

from __future__ import annotations

import json
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from vlft.errors import UsageError, VlftError
from vlft.files import read_json, write_json, write_text
from vlft.runs.record import find_run, fingerprint, list_runs, read_run, remember, run_of
from vlft.runs.target import best_checkpoint, newest_target, resolve_target


@pytest.fixture
def make_run(tmp_path: Path) -> Any:
    """Writes a run's folder as vlft and the supervisor leave it."""

    def make(run_id: str, *, started: str = "2026-01-01T00:00:00+00:00", **files: Any) -> Path:
        folder = tmp_path / "output" / run_id
        (folder / "checkpoints").mkdir(parents=True)
        write_json(folder / "run.json", {"id": run_id, "name": run_id, "started": started})
        for name, data in files.items():
            write_json(folder / f"{name}.json", data)
        remember(folder)
        return folder

    return make


def checkpoint(folder: Path, step: int, state: dict[str, Any] | None = None) -> Path:
    path = folder / "checkpoints" / f"checkpoint-{step}"
    path.mkdir()
    write_json(path / "adapter_config.json", {"base_model_name_or_path": "base"})
    write_json(path / "trainer_state.json", state or {})
    return path


def test_status_is_what_the_files_say(make_run: Any) -> None:
    this = psutil.Process()
    alive = {"supervisor_pid": this.pid, "supervisor_started": this.create_time()}
    reused = {"supervisor_pid": this.pid, "supervisor_started": this.create_time() - 100}
    states = {
        "starting": make_run("a"),
        "running": make_run("b", process=alive),
        "killed": make_run("c", process=reused),
        "failed": make_run("d", process=alive, outcome={"status": "failed", "exit_code": 1}),
    }
    for status, folder in states.items():
        run = read_run(folder)
        assert run is not None
        assert run.status == status


def test_a_half_written_record_is_still_a_run(make_run: Any) -> None:
    folder = make_run("a", outcome={"status": "finished", "exit_code": 0})
    (folder / "run.json").write_text('{"id": "a", "na')
    run = read_run(folder)
    assert run is not None
    assert (run.status, run.to_json()["name"], run.started) == ("finished", "a", "")
    assert [r.id for r in list_runs()] == ["a"]


def test_runs_are_listed_newest_first_and_found_by_a_beginning(make_run: Any) -> None:
    make_run("x-1", started="2026-01-01T00:00:00+00:00")
    make_run("x-2", started="2026-01-03T00:00:00+00:00")
    make_run("y-1", started="2026-01-02T00:00:00+00:00")
    assert [run.id for run in list_runs()] == ["x-2", "y-1", "x-1"]
    assert find_run("y").id == "y-1"
    with pytest.raises(UsageError, match="fits 2 runs"):
        find_run("x")
    with pytest.raises(UsageError, match="no run `z`"):
        find_run("z")


def test_a_removed_run_and_a_foreign_file_in_the_index_are_passed_over(make_run: Any) -> None:
    folder = make_run("a")
    kept = make_run("b")
    for file in folder.rglob("*"):
        if file.is_file():
            file.unlink()
    assert [run.folder for run in list_runs()] == [kept]


def test_a_folder_inside_a_run_leads_to_it(make_run: Any, tmp_path: Path) -> None:
    folder = make_run("a")
    found = [run_of(checkpoint(folder, 2)), run_of(folder), run_of(folder / "exports" / "x")]
    assert [run.folder if run else None for run in found] == [folder] * 3
    assert run_of(tmp_path) is None


def test_the_best_checkpoint_by_name_even_after_a_move(make_run: Any, tmp_path: Path) -> None:
    folder = make_run("a", outcome={"status": "finished"})
    for step in (2, 10, 4):
        checkpoint(folder, step)
    run = read_run(folder)
    assert run is not None
    assert best_checkpoint(run).name == "checkpoint-10"
    state = folder / "checkpoints" / "checkpoint-10" / "trainer_state.json"
    write_json(state, {"best_model_checkpoint": "/elsewhere/checkpoint-4"})
    assert best_checkpoint(run).name == "checkpoint-4"
    write_json(state, {"best_model_checkpoint": "/elsewhere/checkpoint-7"})
    assert best_checkpoint(run).name == "checkpoint-10"
    assert resolve_target(str(folder)).checkpoint.kind == "adapter"


def test_the_newest_finished_run_is_the_default(make_run: Any) -> None:
    with pytest.raises(UsageError, match="no finished run"):
        newest_target()
    old = make_run("old", outcome={"status": "finished"}, started="2026-01-01T00:00:00+00:00")
    failed = make_run("new", outcome={"status": "failed"}, started="2026-01-02T00:00:00+00:00")
    checkpoint(old, 2)
    checkpoint(failed, 2)
    run = newest_target().run
    assert run is not None
    assert run.id == "old"


def test_a_run_without_a_checkpoint_says_so(make_run: Any) -> None:
    folder = make_run("a", outcome={"status": "failed"})
    with pytest.raises(VlftError, match=r"no checkpoint \(failed\)"):
        resolve_target(str(folder))


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    write_json(file, {"a": 1})
    with pytest.raises(TypeError):
        write_json(file, {"a": object()})
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "none" / "a", "x")
    assert read_json(file) == {"a": 1}
    assert list(tmp_path.iterdir()) == [file]


def _write_many(folder: str) -> None:
    for number in range(50):
        write_json(Path(folder) / "shared.json", {"n": [number] * 500})


def test_concurrent_writers_leave_whole_files(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2) as pool:
        done = [pool.submit(_write_many, str(tmp_path)) for _ in range(2)]
        while not all(future.done() for future in done):
            data = read_json(tmp_path / "shared.json")
            assert data is None or len(set(data["n"])) == 1
    assert os.listdir(tmp_path) == ["shared.json"]  # noqa: PTH208


def test_a_fingerprint_sees_both_ends_and_the_size(tmp_path: Path) -> None:
    file = tmp_path / "data"
    body = bytearray(3 * 1024 * 1024)

    def mark() -> tuple[int, str]:
        file.write_bytes(body)
        seen = fingerprint(file)
        return seen.bytes, seen.xxh3

    first = mark()
    body[-1] = 1
    last_changed = mark()
    body[-1], body[0] = 0, 1
    assert len({first, last_changed, mark()}) == 3
    file.write_bytes(b"")
    assert fingerprint(file).bytes == 0
    assert json.dumps(fingerprint(file).xxh3)
