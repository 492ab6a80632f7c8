"""What a run gives back and leaves in its folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.waiting import HANG_S

from vlft.engines.local.process_tree import is_subreaper
from vlft.engines.local.run import run
from vlft.engines.process import Outcome, Process, conclude, read_outcome, write_outcome
from vlft.errors import VlftError
from vlft.files import write_json

ENV = {"PATH": os.environ["PATH"]}


def run_here(bench: Any, *argv: str, env: dict[str, str] = ENV, **options: Any) -> Outcome:
    return run(Process(argv, env, str(bench.folder)), bench.run_dir, **options)


def run_python(bench: Any, code: str, **options: Any) -> Outcome:
    return run_here(bench, sys.executable, "-c", code, **options)


def test_a_trainer_that_finishes(bench: Any) -> None:
    outcome = run_python(bench, "print('done')")
    assert (outcome.status, outcome.exit_code, outcome.signal) == ("finished", 0, None)
    assert outcome.error is None
    assert outcome.ended.endswith("Z")
    assert read_outcome(bench.run_dir) == outcome
    assert {path.name for path in bench.run_dir.iterdir()} == {
        "outcome.json",
        "process.json",
        "stderr.log",
        "stdout.log",
    }


def test_a_trainer_that_fails(bench: Any) -> None:
    outcome = run_python(bench, "import sys; print('Error: no rows', file=sys.stderr); sys.exit(7)")
    assert (outcome.status, outcome.exit_code, outcome.signal) == ("failed", 7, None)
    assert outcome.reason == "the trainer ended with exit code 7"
    assert outcome.error == "Error: no rows"


def test_a_trainer_that_a_signal_ends(bench: Any) -> None:
    outcome = run_here(bench, "sh", "-c", "kill -SEGV $$")
    assert (outcome.status, outcome.exit_code, outcome.signal) == ("failed", None, "SIGSEGV")


STEP = {"loss": 2.5, "global_step/max_steps": "2/2"}
ALL_STEPS = {"train_runtime": 9.5, "global_step/max_steps": "2/2"}
LAST = {"last_model_checkpoint": "checkpoint-2", "global_step": 2, "log_history": []}


@pytest.mark.parametrize(
    ("before", "now", "status"),
    [
        ([], [STEP, ALL_STEPS, LAST], "finished"),
        ([STEP, LAST], [STEP, ALL_STEPS, LAST], "finished"),  # an attempt that had failed
        ([], [STEP, ALL_STEPS], "failed"),  # while it pushes to a hub, say
        ([], [STEP, LAST], "failed"),  # an exception in a step
        ([], [], "failed"),
        ([STEP, ALL_STEPS, LAST], [], "failed"),  # nothing of it is from this attempt
        ([STEP, ALL_STEPS], [LAST], "failed"),
    ],
)
def test_a_trainer_that_dies_after_its_training_has_trained(
    bench: Any, before: list[object], now: list[object], status: str
) -> None:
    log = bench.folder / "logging.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in before))
    lines = "".join(json.dumps(line) + "\n" for line in now)
    outcome = run_python(
        bench,
        f"import os; f = open({str(log)!r}, 'a'); f.write({lines!r}); f.close(); os.abort()",
        log=log,
    )
    assert outcome.status == status
    assert (outcome.exit_code, outcome.signal) == (None, "SIGABRT")
    said = "the trainer was ended by SIGABRT"
    over = "the training was over and saved, and then "
    assert outcome.reason == (over + said if status == "finished" else said)
    assert read_outcome(bench.run_dir) == outcome


def test_a_program_that_is_missing(bench: Any) -> None:
    outcome = run_here(bench, "/nowhere/python")
    assert outcome.status == "failed"
    reason = "the trainer could not be started: No such file or directory: /nowhere/python"
    assert outcome.reason == reason
    assert read_outcome(bench.run_dir) == outcome


def test_a_program_that_is_no_program(bench: Any) -> None:
    script = bench.script("print()", "not-executable")
    outcome = run_here(bench, str(script))
    assert outcome.reason == f"the trainer could not be started: Permission denied: {script}"


def test_a_working_directory_that_is_missing(bench: Any) -> None:
    outcome = run(Process((sys.executable,), ENV, "/nowhere"), bench.run_dir)
    assert outcome.status == "failed"
    assert outcome.reason.endswith("No such file or directory: /nowhere")


def test_the_environment_and_the_working_directory_are_exact(bench: Any) -> None:
    env = {"PATH": "/usr/bin:/bin", "ODD": "a b\n'\"$x é"}
    code = (
        "import json, os, sys;"
        "raw = open('/proc/self/environ', 'rb').read().decode();"
        "print(json.dumps([raw, os.getcwd(), sys.stdin.read()]))"
    )
    run_python(bench, code, env=env)
    environ, cwd, stdin = json.loads((bench.run_dir / "stdout.log").read_text())
    assert environ == "".join(f"{key}={value}\0" for key, value in env.items())
    assert cwd == str(bench.folder)
    assert stdin == ""


def test_all_output_is_kept(bench: Any) -> None:
    code = (
        "import sys\n"
        "for n in range(50_000): print(n); print(-n, file=sys.stderr)\n"
        "sys.stdout.flush(); import os; os.kill(os.getpid(), 9)"
    )
    (bench.run_dir / "stdout.log").write_text("before\n")
    run_python(bench, code)
    lines = (bench.run_dir / "stdout.log").read_text().splitlines()
    assert lines == ["before", *map(str, range(50_000))]
    errors = (bench.run_dir / "stderr.log").read_text().splitlines()
    assert errors == [str(-n) for n in range(50_000)]


def test_process_json_tells_who_runs(bench: Any) -> None:
    seen: list[Any] = []

    def poll() -> None:
        if (found := bench.process()) and not seen:
            supervisor = psutil.Process(found["supervisor_pid"])
            seen.append((found, supervisor.create_time(), psutil.Process(found["pid"]).ppid()))
            (bench.folder / "go").touch()

    run_python(
        bench,
        "import os, time\nwhile not os.path.exists('go'): time.sleep(0.01)",
        poll=poll,
        poll_interval_s=0.01,
    )
    found, started, parent = seen[0]
    assert found["supervisor_started"] == started
    assert found["supervisor_pid"] == parent
    assert found["started"].endswith("Z")


def test_what_poll_raises_stops_the_run(bench: Any) -> None:
    def poll() -> None:
        if bench.process():
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_here(bench, "sleep", "3600", poll=poll, env=bench.env)
    assert bench.marked() == []
    assert bench.outcome()["status"] == "stopped"


def test_what_poll_raises_stops_the_run_when_the_supervisor_has_died(bench: Any) -> None:
    def poll() -> None:
        if found := bench.process():
            os.kill(found["supervisor_pid"], signal.SIGKILL)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_here(bench, "sleep", "3600", poll=poll, env=bench.env)
    assert bench.marked() == []
    assert bench.outcome()["status"] == "killed"


def test_handlers_and_adoption_are_put_back(bench: Any) -> None:
    signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(signum) for signum in signals], is_subreaper()
    run_here(bench, "true")
    assert ([signal.getsignal(signum) for signum in signals], is_subreaper()) == before


def test_other_children_of_vlft_are_left_alone(bench: Any) -> None:
    with subprocess.Popen([shutil.which("sleep") or "", "3600"]) as other:
        killed: list[int] = []

        def poll() -> None:
            if (found := bench.process()) and not killed:
                killed.append(found["supervisor_pid"])
                os.kill(killed[0], signal.SIGKILL)

        outcome = run_here(bench, "sleep", "3600", poll=poll, env=bench.env)
        assert outcome.status == "killed"
        assert bench.marked() == []
        assert other.poll() is None
        other.kill()


def test_a_folder_that_is_gone_does_not_keep_processes_alive(bench: Any) -> None:
    trainer = bench.script("import time; open('ready-one', 'w').close(); time.sleep(3600)")
    launcher = bench.launch(sys.executable, trainer)
    bench.wait_ready(1)
    shutil.rmtree(bench.run_dir)
    launcher.send_signal(signal.SIGTERM)
    out, err = launcher.communicate(timeout=HANG_S)
    assert bench.marked() == []
    assert json.loads(out)["status"] == "stopped"
    assert err.decode().startswith("vlft: outcome.json could not be written: ")


def test_a_full_disk_does_not_keep_processes_alive(bench: Any) -> None:
    # A limit on the size of files stands in for the disk: every write fails.
    def no_room() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    launcher = bench.launch("sleep", "3600", preexec_fn=no_room)
    launcher.stderr.readline()  # process.json could not be written
    launcher.send_signal(signal.SIGTERM)
    out, err = launcher.communicate(timeout=HANG_S)
    assert bench.marked() == []
    assert json.loads(out)["status"] == "stopped"
    assert err.decode().startswith("vlft: outcome.json could not be written: ")
    assert {path.name for path in bench.run_dir.iterdir()} == {"stdout.log", "stderr.log"}


def test_nothing_is_imported_from_the_working_directory(bench: Any) -> None:
    stray = bench.folder / "stray"
    for name in ("vlft/__init__.py", "psutil.py", "json.py", "site.py", "signal.py"):
        path = stray / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise SystemExit('stray')")
    launcher = bench.launch("true", cwd=stray)
    assert bench.end(launcher)["status"] == "finished"


def test_a_folder_with_an_outcome_is_refused(bench: Any) -> None:
    first = run_here(bench, "true")
    with pytest.raises(VlftError, match="already holds a run"):
        run_here(bench, "false")
    assert read_outcome(bench.run_dir) == first


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VlftError, match="is no folder"):
        run(Process(("true",), ENV, "/"), tmp_path / "none")


def test_the_first_outcome_is_kept(tmp_path: Path) -> None:
    first = conclude(0, stop=None, orphaned=False)
    write_outcome(tmp_path, first)
    write_outcome(tmp_path, conclude(1, stop=None, orphaned=False))
    assert read_outcome(tmp_path) == first


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "outcome.json").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_json(tmp_path / "outcome.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["outcome.json"]


def test_an_outcome_survives_json() -> None:
    outcome = Outcome(status="stopped", signal="SIGTERM", reason="stopped by SIGINT", stopped_by=2)
    assert Outcome(**json.loads(json.dumps(outcome.to_json()))) == outcome


@pytest.mark.parametrize("text", [None, "", "[]", '{"status": "finished"}'])
def test_an_outcome_that_cannot_be_read_is_none(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "outcome.json").write_text(text)
    assert read_outcome(tmp_path) is None


def test_conclude_names_signals_that_have_no_name() -> None:
    assert conclude(-40, stop=None, orphaned=False).signal == "signal 40"
