"""The process between vlft and the trainer: it lives for as long as any of the trainer does.

vlft (A) starts it (B), and B starts the trainer. B's stdin is its lifeline to A: the first line is
the job, later lines are requests to stop, and its end means that A is dead, however it died. B
ends every descendant before it ends itself, and writes how the run ended.

    A → B   a Job, then any number of StopRequests
    B → A   the outcome, as in outcome.json

Little is imported before the trainer starts: every run waits for that. What the end of a run needs
is imported while the trainer loads, so that an upgrade of vlft during the run can't break it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from vlft.engines.local.process_tree import ProcessTree, end_with, set_subreaper

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from vlft.engines.process import Outcome

_LIFELINE, _REPORTS = 0, 1  # stdin and stdout
_IDLE_S = 1.0
_ENDING_S = 0.05


class Job(TypedDict):
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


class StopRequest(TypedDict):
    """Name of the signal that asks for the end, and the seconds until SIGKILL."""

    stop: str
    grace_s: float


class Supervisor:
    """Waits for the end of the trainer or for a reason to end it, and leaves nothing behind."""

    def __init__(self) -> None:
        self._tree = ProcessTree()
        self._stop: str | None = None  # the name of the signal that asked for it
        self._orphaned = False  # vlft died without a word
        self._grace_s = 0.0
        self._parent = os.getppid()
        self._unread = b""
        self._signals: list[int] = []
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for signum in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                signal.signal(signum, self._hear)

    def _hear(self, signum: int, _frame: FrameType | None) -> None:
        if signum != signal.SIGCHLD:
            self._signals.append(signum)

    def run(self) -> None:
        """Runs one job, from its line on stdin to its outcome on stdout."""
        while not (requests := self._receive(_IDLE_S)):
            if self._orphaned or self._signals:
                return
        job = requests.pop(0)
        self._parent, self._grace_s = job["parent"], job["grace_s"]
        try:
            trainer = start(job)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            from vlft.engines.process import not_started  # noqa: PLC0415

            finish(Path(job["run_dir"]), not_started(error))
            return
        try:
            self._obey(requests)
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

        environment_of(job["env"]).remember_secrets()  # for the trainer's last error
        run_dir = Path(job["run_dir"])
        record(run_dir, trainer.pid)
        asked = False  # whether the end was asked for before the trainer had come to its own
        while not (self._tree.ending and self._tree.step()):
            self._obey(self._receive(_ENDING_S if self._tree.ending else _IDLE_S))
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
        if job["log"] is not None:
            log, earlier = job["log"]
            outcome = process.forgiven(outcome, Path(log), earlier)
        finish(run_dir, process.told_of_the_disk(outcome, run_dir))

    def _obey(self, requests: list[StopRequest]) -> None:
        """Takes in what vlft asks for, and the signals that came to this process."""
        for request in requests:
            self._ask(request["stop"], request["grace_s"])
        while self._signals:
            name = signal.Signals(self._signals.pop(0)).name
            self._ask(name, self._grace_s if self._stop is None else 0.0)

    def _ask(self, stop: str, grace_s: float) -> None:
        self._stop = self._stop or stop
        self._grace_s = min(self._grace_s, grace_s)
        if self._tree.ending:
            self._tree.end(grace_s)

    def _receive(self, timeout_s: float) -> list[Any]:
        """Waits until something happens; returns the messages that have come from vlft."""
        sources = [self._wake] if self._orphaned else [self._wake, _LIFELINE]
        ready = select.select(sources, [], [], timeout_s)[0]
        if self._wake in ready:
            os.read(self._wake, 4096)
        if _LIFELINE in ready:
            data = os.read(_LIFELINE, 1 << 16)
            self._orphaned = not data
            self._unread += data
        if os.getppid() != self._parent:  # should a copy of the pipe have outlived vlft
            self._orphaned = True
        *lines, self._unread = self._unread.split(b"\n")
        return [json.loads(line) for line in lines]


def start(job: Job) -> subprocess.Popen[bytes]:
    """Starts the trainer, its output going straight into the files of the run folder.

    Raises:
        OSError, ValueError, subprocess.SubprocessError: It can't be started.
    """
    supervisor = os.getpid()

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        for signum in (signal.SIGTERM, signal.SIGINT):  # a shell's `&` leaves SIGINT ignored
            signal.signal(signum, signal.SIG_DFL)
        end_with(supervisor)

    run_dir = Path(job["run_dir"])
    with (run_dir / "stdout.log").open("ab") as out, (run_dir / "stderr.log").open("ab") as err:
        return subprocess.Popen(
            job["argv"],
            env=job["env"],
            cwd=job["cwd"],
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
    Supervisor().run()
