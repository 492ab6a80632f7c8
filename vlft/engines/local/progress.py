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
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlft.engines.process import STDERR
from vlft.files import read_from
from vlft.output import console

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import TextIO

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


@dataclass(frozen=True)
class Step:
    """One line of the log.

    Attributes:
        step: Optimizer steps done.
        total: Of how many; None if the log does not say.
        figures: Those of `_FORMS` under their names; none for an evaluation but the speed.
        evaluation: The eval_* values, under their names; empty for a training step.
        remaining: As ms-swift words it: 1h 2m 3s.
    """

    step: int
    total: int | None
    figures: Mapping[str, float]
    evaluation: Mapping[str, float]
    remaining: str | None


def parse_step(line: str | bytes) -> Step | None:
    """The step that a line of logging.jsonl tells of; None if it tells of none."""
    try:
        entry: Any = json.loads(line)
        done, _, total = entry["global_step/max_steps"].partition("/")
        numbers = {key: value for key, value in entry.items() if isinstance(value, (int, float))}
        return Step(
            step=int(done),
            total=int(total) if total and int(total) > 0 else None,
            figures={key: numbers[key] for key in _FORMS if key in numbers},
            evaluation={key: numbers[key] for key in numbers if key.startswith("eval_")},
            remaining=entry.get("remaining_time"),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


class LogReader:
    """Reads a log as it grows: each call of `read` gives the steps that are new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def read(self) -> list[Step]:
        """The new steps; none while the file is missing. A line half-written is left for later."""
        lines = read_from(self.path, self._offset).split(b"\n")[:-1]
        self._offset += sum(len(line) + 1 for line in lines)
        return [step for line in lines if (step := parse_step(line)) is not None]


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
        self,
        run_dir: Path,
        *,
        stream: TextIO | None = None,
        log: Path | None = None,
    ) -> None:
        self._log = LogReader(log or run_dir / "checkpoints" / "logging.jsonl")
        if log is not None:
            self._log.read()
        self._start = _StartReader(run_dir / STDERR)
        self._stream = stream or console.stderr()
        self._gone = False
        self._began = False
        self._bar = _bar(self._stream) if self._stream.isatty() else None

    def poll(self) -> None:
        """Shows what is new."""
        if self._gone:
            return
        try:
            for step in self._log.read():
                self._show(step)
            if self._bar is not None:
                if not self._began:
                    self._bar.update(self._bar.task_ids[0], description=self._start.phase())
                self._bar.refresh()
        except OSError:
            self._gone = True

    def close(self) -> None:
        """Shows what is new and gives the terminal back."""
        self.poll()
        if self._bar is not None:
            with suppress(OSError):
                self._bar.stop()

    def _show(self, step: Step) -> None:
        if "loss" not in step.figures and not step.evaluation:
            return
        text = describe(step)
        if self._bar is None:
            console.put(self._stream, f"{text}\n")
            return
        self._began = True
        if step.evaluation:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            self._bar.update(
                self._bar.task_ids[0], description=text, completed=step.step, total=step.total
            )


def describe(step: Step) -> str:
    """A step as one line: step 3/6  loss 11.17  lr 5e-03  0.86 s/it  3s left."""
    parts = [f"step {step.step}" if step.total is None else f"step {step.step}/{step.total}"]
    if step.evaluation:
        parts += [
            f"{key} {value:.4g}"
            for key, value in step.evaluation.items()
            if not key.endswith(("_runtime", "_per_second"))
        ]
    else:
        parts += [_FORMS[key].format(value) for key, value in step.figures.items()]
        parts += [f"{step.remaining} left"] if step.remaining is not None else []
    return "  ".join(parts)


class _StartReader:
    """Tells from the trainer's stderr what it does before its first step, and for how long."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = time.monotonic()
        self._offset = 0
        self._phase = 0

    def phase(self) -> str:
        new = read_from(self._path, self._offset)
        # Overlap, so that a text cut by the end of a read is found by the next one.
        self._offset += max(0, len(new) - 64)
        for number, (text, _) in enumerate(_PHASES, 1):
            if text in new:
                self._phase = max(self._phase, number)
        name = _PHASES[self._phase - 1][1] if self._phase else "starting"
        return f"{name}, {time.monotonic() - self._began:.0f} s"


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
