"""The lines are those of a real run of ms-swift 4.6 (on a CPU; the memory is from a GPU's)."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vlft.engines.local.progress import Progress, Step, parse_step

if TYPE_CHECKING:
    from pathlib import Path

TRAIN = (
    '{"loss": 20.12438965, "grad_norm": 28.55198479, "learning_rate": 0.00933013, "token_acc": 0.0,'
    ' "epoch": 0.1, "global_step/max_steps": "1/6", "elapsed_time": "2s", "remaining_time": "9s",'
    ' "memory(GiB)": 1.25, "train_speed(s/it)": 1.895407}\n'
)
EVAL = (
    '{"eval_loss": 8.43800163, "eval_runtime": 1.9137, "eval_samples_per_second": 2.09, '
    '"eval_steps_per_second": 2.09, "eval_token_acc": 0.33333333, "epoch": 0.3, '
    '"global_step/max_steps": "3/6", "elapsed_time": "4s", "remaining_time": "4s", '
    '"train_speed(s/it)": 1.498102}\n'
)
SUMMARY = (
    '{"train_runtime": 10.6901, "train_samples_per_second": 1.123, "total_flos": 416747520.0, '
    '"train_loss": 11.63781643, "epoch": 0.6, "global_step/max_steps": "6/6", '
    '"elapsed_time": "11s", "remaining_time": "0s", "train_speed(s/it)": 1.780404}\n'
)
LAST = (
    '{"last_model_checkpoint": "checkpoint-6", "global_step": 6, "log_history": [], "memory": 0}\n'
)
TRAIN_LINE = "step 1/6  loss 20.12  lr 9.33e-03  1.9 s/it  1.25 GiB  9s left"
EVAL_LINE = "step 3/6  eval_loss 8.438  eval_token_acc 0.3333"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "checkpoints" / "logging.jsonl"
    path.parent.mkdir()
    return path


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def read_until(terminal: int, expected: str) -> None:
    shown = ""
    while expected not in shown:
        assert select.select([terminal], [], [], 10)[0], shown
        shown += os.read(terminal, 64).decode(errors="replace")


def test_a_training_step() -> None:
    assert parse_step(TRAIN) == Step(TRAIN_LINE, done=1, total=6, evaluation=False)


def test_an_evaluation() -> None:
    assert parse_step(EVAL) == Step(EVAL_LINE, done=3, total=6, evaluation=True)


def test_a_run_of_unknown_length() -> None:
    step = parse_step('{"loss": NaN, "global_step/max_steps": "5/-1"}')
    assert step == Step("step 5  loss nan", done=5, total=None, evaluation=False)


@pytest.mark.parametrize(
    "line", [SUMMARY, LAST, "", "{", "[]", "null", '{"global_step/max_steps": 3}', '{"a": 1}']
)
def test_a_line_of_no_step(line: str) -> None:
    assert parse_step(line) is None


def test_the_log_is_read_as_it_grows(tmp_path: Path, log: Path) -> None:
    stream = io.StringIO()
    progress = Progress(tmp_path, stream=stream)
    progress.poll()
    append(log, TRAIN[:50])
    progress.poll()
    assert stream.getvalue() == ""
    append(log, TRAIN[50:] + EVAL[:10])
    progress.poll()
    assert stream.getvalue() == f"{TRAIN_LINE}\n"
    append(log, EVAL[10:] + SUMMARY + LAST)
    progress.poll()
    progress.poll()
    assert stream.getvalue() == f"{TRAIN_LINE}\n{EVAL_LINE}\n"


def test_what_an_earlier_attempt_logged_is_not_shown(tmp_path: Path, log: Path) -> None:
    append(log, TRAIN)
    stream = io.StringIO()
    progress = Progress(tmp_path, stream=stream, log=log)
    append(log, EVAL)
    progress.close()
    assert stream.getvalue() == f"{EVAL_LINE}\n"


def test_without_a_terminal_each_entry_is_a_line(tmp_path: Path, log: Path) -> None:
    stream = io.StringIO()
    progress = Progress(tmp_path, stream=stream)
    progress.poll()
    append(log, TRAIN)
    progress.poll()
    append(log, EVAL + SUMMARY + LAST)
    progress.close()
    assert stream.getvalue() == f"{TRAIN_LINE}\n{EVAL_LINE}\n"


def test_an_output_that_is_gone_is_no_error(tmp_path: Path, log: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    append(log, TRAIN)
    # Without a buffer, which would keep what can't be written for its end.
    with io.TextIOWrapper(os.fdopen(write_end, "wb", 0), write_through=True) as stream:
        progress = Progress(tmp_path, stream=stream)
        progress.poll()
        append(log, TRAIN)
        progress.close()


def test_a_light_start_imports_no_rich(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\n"
        "from vlft.engines.local.progress import Progress\n"
        "Progress(pathlib.Path('.')).close()\n"
        "print('rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_on_a_terminal_the_start_and_the_steps_are_told(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream:
        progress = Progress(tmp_path, stream=stream)
        for entry, expected in (
            ("", "starting, "),
            ("[INFO:swift] args: SftArguments(\n", "loading the model, "),
            ("[INFO:swift] Start time of running main: 2026", "preparing the data, "),
            ("x\n[INFO:swift] The logging file will ", "preparing the data, "),
            ("be saved in: logging.jsonl\n", "waiting for the first step, "),
        ):
            append(tmp_path / "stderr.log", entry)
            progress.poll()
            read_until(ours, expected)
        append(log, EVAL + TRAIN)
        progress.poll()
        read_until(ours, EVAL_LINE)
        read_until(ours, TRAIN_LINE)
        progress.close()
    os.close(ours)
