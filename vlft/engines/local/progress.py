"""What a running trainer has reached, read from ms-swift's logging.jsonl, and shown on stderr.

ms-swift 4.6 appends a line at every log, from the world's rank 0 alone (trainers/patcher.py:
add_train_message). Seen, from a training step, an evaluation and the end:

    {"loss": 20.1, "grad_norm": 28.5, "learning_rate": 0.0093, "token_acc": 0.0, "epoch": 0.1,
     "global_step/max_steps": "1/6", "elapsed_time": "2s", "remaining_time": "9s",
     "memory(GiB)": 1.2, "train_speed(s/it)": 1.895}          (no memory on a CPU)
    {"eval_loss": 8.4, "eval_runtime": 1.9, …, "global_step/max_steps": "3/6", …}
    {"train_runtime": 10.7, …, "train_loss": 11.6, "global_step/max_steps": "6/6", …}
    {"last_model_checkpoint": "…", "best_metric": 6.4, "log_history": […], …}
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from msgspec import Struct

from vlft.engines.process import STDERR
from vlft.files import read_from
from vlft.output import console

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.progress import Progress as Bar

# What a start is busy with, after which text in the trainer's stderr, in the order they come.
_PHASES = (
    (b"[INFO:swift] args:", "loading the model"),
    (b"[INFO:swift] Start time of running main:", "preparing the data"),
    (b"[INFO:swift] The logging file will be saved in:", "waiting for the first step"),
)
# How the figures of a training step are shown, by their names in the log.
_FORMS = {
    "loss": "loss {:.4g}",
    "learning_rate": "lr {:.2e}",
    "train_speed(s/it)": "{:.3g} s/it",
    "memory(GiB)": "{:.3g} GiB",
}


class Step(Struct, frozen=True):
    """What a line of the log tells: a training step or an evaluation.

    Attributes:
        text: As one line: step 3/6  loss 11.17  lr 5e-03  0.86 s/it  3s left.
        done: Optimizer steps.
        total: Of how many; None if the log does not say.
        evaluation: Whether it is one.
    """

    text: str
    done: int
    total: int | None
    evaluation: bool


def parse_step(line: str | bytes) -> Step | None:
    """The step that a line of logging.jsonl tells of; None if it tells of none."""
    try:
        entry: Any = json.loads(line)
        done, total = map(int, entry["global_step/max_steps"].split("/"))
        numbers = {key: value for key, value in entry.items() if isinstance(value, (int, float))}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    parts = [f"step {done}/{total}" if total > 0 else f"step {done}"]
    evaluation = any(key.startswith("eval_") for key in numbers)
    if evaluation:
        parts += [
            f"{key} {value:.4g}"
            for key, value in numbers.items()
            if key.startswith("eval_") and not key.endswith(("_runtime", "_per_second"))
        ]
    elif "loss" in numbers:
        parts += [form.format(numbers[key]) for key, form in _FORMS.items() if key in numbers]
        parts += [f"{entry['remaining_time']} left"] if entry.get("remaining_time") else []
    else:
        return None
    return Step("  ".join(parts), done, total if total > 0 else None, evaluation)


class Progress:
    """Shows how far a run is: a line that moves on a terminal, else a line for each log entry.

    `poll` is for the loop that waits for the run, `close` for its end. An output that is gone (the
    terminal was closed, the pipe's reader ended) is no reason to end a training: from then on
    nothing is shown.

    Args:
        run_dir: The folder with the trainer's output.
        stream: Where to; stderr if None.
        log: ms-swift's log; what is in it already is not shown. The run folder's if None.
    """

    def __init__(
        self, run_dir: Path, *, stream: TextIO | None = None, log: Path | None = None
    ) -> None:
        self._log = log or run_dir / "checkpoints" / "logging.jsonl"
        self._shown = 0  # bytes of the log
        if log is not None:
            list(self._new_steps())
        self._stderr = run_dir / STDERR
        self._searched = 0  # bytes of stderr
        self._phase = "starting"
        self._since = time.monotonic()
        self._stream = stream or console.stderr()
        self._gone = False
        self._began = False
        self._bar = _bar(self._stream) if self._stream.isatty() else None

    def poll(self) -> None:
        """Shows what is new."""
        if self._gone:
            return
        try:
            for step in self._new_steps():
                self._show(step)
            if self._bar is not None:
                if not self._began:
                    self._show_phase(self._bar)
                self._bar.refresh()
        except OSError:
            self._gone = True

    def close(self) -> None:
        """Shows what is new and gives the terminal back."""
        self.poll()
        if self._bar is not None:
            with suppress(OSError):
                self._bar.stop()

    def _new_steps(self) -> Iterator[Step]:
        """Those of whole lines; none while the file is missing."""
        for line in read_from(self._log, self._shown).split(b"\n")[:-1]:
            self._shown += len(line) + 1
            step = parse_step(line)
            if step is not None:
                yield step

    def _show(self, step: Step) -> None:
        if self._bar is None:
            console.put(self._stream, f"{step.text}\n")
            return
        self._began = True
        if step.evaluation:
            self._bar.console.print(step.text, markup=False, highlight=False)
        else:
            task = self._bar.task_ids[0]
            self._bar.update(task, description=step.text, completed=step.done, total=step.total)

    def _show_phase(self, bar: Bar) -> None:
        """What the trainer does before its first step, and for how long it has run."""
        new = read_from(self._stderr, self._searched)
        # Overlap, so that a text cut by the end of a read is found by the next one.
        self._searched += max(0, len(new) - 64)
        for text, phase in _PHASES:
            if text in new:
                self._phase = phase
        waited = f"{self._phase}, {time.monotonic() - self._since:.0f} s"
        bar.update(bar.task_ids[0], description=waited)


def _bar(stream: TextIO) -> Bar:
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        BarColumn(bar_width=24),
        TextColumn("{task.description}", markup=False),
        console=console.rich_console(stream),
        auto_refresh=False,  # no thread: `poll` draws
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bar.add_task("starting", total=None)
    bar.start()
    return bar
