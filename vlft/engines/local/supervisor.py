"""The process between vlft and the trainer: it lives for as long as any of the trainer does.

vlft (A) starts it (B), and B starts the trainer. B's stdin is its lifeline to A: a line with the
job comes first, and then only its end, which means that A is dead, however it died. A signal to B
stops the run, and a second one ends its grace: A sends on those that it gets. B ends every
descendant before it ends itself, and tells how the run ended: in outcome.json, and on its stdout.

Little is imported before the trainer starts: every run waits for that. What the end of a run needs
is imported while the trainer loads, so that an upgrade of vlft during the run can't break it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vlft.engines.local.process_tree import ProcessTree, end_with, set_subreaper

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from vlft.engines.process import Outcome

_LIFELINE, _REPORTS = 0, 1  # stdin and stdout
_IDLE_S = 1.0
_ENDING_S = 0.05


class Job(NamedTuple):
    """What to start and to supervise.

    Attributes:
        parent: Pid of vlft.
        log: logging.jsonl and how many bytes of it are from earlier attempts; None without one.
    """

    argv: Sequence[str]
    env: dict[str, str]
    cwd: str
    run_dir: str
    grace_s: float
    parent: int
    log: tuple[str, int] | None


class Supervisor:
    """Waits for the end of the trainer or for a reason to end it, and leaves nothing behind."""

    def __init__(self) -> None:
        self._tree = ProcessTree()
        self._stop: str | None = None  # the name of the signal that asked for it
        self._orphaned = False  # vlft died without a word
        self._grace_s = 0.0
        self._parent = 0
        self._signals: list[int] = []
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for signum in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                signal.signal(signum, self._hear)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())  # vlft has held them back until now

    def _hear(self, signum: int, _frame: FrameType | None) -> None:
        if signum != signal.SIGCHLD:
            self._signals.append(signum)

    def run(self, job: Job) -> None:
        """Runs one job to its outcome on stdout."""
        self._parent, self._grace_s = job.parent, job.grace_s
        try:
            trainer = start(job)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            from vlft.engines.process import not_started  # noqa: PLC0415

            finish(Path(job.run_dir), not_started(error))
            return
        try:
            self._supervise(trainer, job)
        except BaseException:  # a mistake in here must not leave a trainer behind
            self._tree.end(0)
            while not self._tree.step():
                select.select([], [], [], _ENDING_S)
            raise

    def _supervise(self, trainer: subprocess.Popen[bytes], job: Job) -> None:
        from vlft.engines import process  # noqa: PLC0415 - see the module's docstring
        from vlft.engines.local import error_log  # noqa: PLC0415
        from vlft.environment import environment_of  # noqa: PLC0415

        environment_of(job.env).remember_secrets()  # for the trainer's last error
        run_dir = Path(job.run_dir)
        record(run_dir, trainer.pid)
        asked = False  # whether the end was asked for before the trainer had come to its own
        while not (self._tree.ending and self._tree.step()):
            self._wait(_ENDING_S if self._tree.ending else _IDLE_S)
            self._obey()
            self._tree.reap()
            ended = trainer.pid in self._tree.exit_codes
            wanted = self._stop is not None or self._orphaned
            asked = asked or (wanted and not ended)
            if (wanted or ended) and not self._tree.ending:
                self._tree.end(self._grace_s)
        code = self._tree.exit_codes.get(trainer.pid)
        trainer.returncode = code  # the tree has reaped it, which Popen can't know
        outcome = process.conclude(
            code,
            stop=None if code == 0 and not asked else self._stop,
            orphaned=asked and self._orphaned,
            last_error=lambda: error_log.last_error(run_dir / process.STDERR),
        )
        if job.log is not None:
            log, earlier = job.log
            outcome = process.forgiven(outcome, Path(log), earlier)
        finish(run_dir, process.told_of_the_disk(outcome, run_dir))

    def _obey(self) -> None:
        """Takes in the signals that have come."""
        while self._signals:
            name = signal.Signals(self._signals.pop(0)).name
            if self._stop is not None:
                self._grace_s = 0.0
            self._stop = self._stop or name
            if self._tree.ending:
                self._tree.end(self._grace_s)

    def _wait(self, timeout_s: float) -> None:
        """Waits until something happens."""
        sources = [self._wake] if self._orphaned else [self._wake, _LIFELINE]
        ready = select.select(sources, [], [], timeout_s)[0]
        if self._wake in ready:
            os.read(self._wake, 4096)
        # Should a copy of the pipe have outlived vlft, its end does not come.
        if _LIFELINE in ready or os.getppid() != self._parent:
            self._orphaned = True


def start(job: Job) -> subprocess.Popen[bytes]:
    """Starts the trainer, its output going straight into the files of the run folder.

    Raises:
        OSError, ValueError, subprocess.SubprocessError: It can't be started.
    """
    supervisor = os.getpid()

    def prepare() -> None:
        for signum in (signal.SIGTERM, signal.SIGINT):  # a shell's `&` leaves SIGINT ignored
            signal.signal(signum, signal.SIG_DFL)
        end_with(supervisor)

    run_dir = Path(job.run_dir)
    with (run_dir / "stdout.log").open("ab") as out, (run_dir / "stderr.log").open("ab") as err:
        return subprocess.Popen(
            job.argv,
            env=job.env,
            cwd=job.cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,  # a trainer may signal its own group
            preexec_fn=prepare,  # noqa: PLW1509 - safe: this process has one thread
        )


def record(run_dir: Path, trainer: int) -> None:
    """Writes process.json, from which others can tell whether the run is alive."""
    import psutil  # noqa: PLC0415 - see the module's docstring

    from vlft.engines.process import complaining, utc_now  # noqa: PLC0415
    from vlft.files import write_json  # noqa: PLC0415
    from vlft.runs.attempts import PROCESS  # noqa: PLC0415

    with complaining(PROCESS):
        write_json(
            run_dir / PROCESS,
            {
                "supervisor_pid": os.getpid(),
                "supervisor_started": psutil.Process().create_time(),
                "pid": trainer,
                "started": utc_now(),
            },
        )


def finish(run_dir: Path, outcome: Outcome) -> None:
    """Writes outcome.json and tells vlft."""
    from vlft.engines.process import OUTCOME, complaining, write_outcome  # noqa: PLC0415

    with complaining(OUTCOME):
        write_outcome(run_dir, outcome)
    with suppress(BrokenPipeError):  # vlft may be gone
        os.write(_REPORTS, json.dumps(outcome.to_json()).encode() + b"\n")


def main() -> None:
    """The whole life of the process."""
    set_subreaper(True)
    supervisor = Supervisor()
    line = sys.stdin.buffer.readline()
    if line.endswith(b"\n"):  # else vlft has died
        supervisor.run(Job(*json.loads(line)))
