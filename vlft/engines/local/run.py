"""Running a trainer on this machine: `run` returns when nothing of it is left."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections import deque
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

import vlft
from vlft.engines.local.process_tree import ProcessTree, children, is_subreaper, set_subreaper
from vlft.engines.local.progress import Progress
from vlft.engines.local.supervisor import Job
from vlft.engines.process import (
    OUTCOME,
    STDERR,
    Outcome,
    Process,
    complaining,
    conclude,
    read_outcome,
    to_process,
    write_outcome,
)
from vlft.errors import TrainerError, VlftError
from vlft.output import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from typing_extensions import Self

    from vlft.plan import Command


def run_command(command: Command, folder: Path, log: Path | None = None) -> int:
    """Runs a program of ms-swift to its end, and shows how far it is.

    Args:
        command: What to start.
        folder: An existing folder for its output and its outcome.
        log: ms-swift's log of an earlier attempt that it goes on with; else the folder's own.

    Returns:
        What vlft ends with: 0, or 128 + the signal that stopped it.

    Raises:
        VlftError: The folder already holds the outcome of a run.
        TrainerError: If the program failed.
        OSError: It can't be started.
    """
    progress = Progress(folder, log=log)
    log = log or folder / "checkpoints" / "logging.jsonl"
    try:
        outcome = run(to_process(command), folder, poll=progress.poll, log=log)
    finally:
        progress.close()
    said = f"{outcome.reason}: {outcome.error}" if outcome.error else outcome.reason
    if outcome.status == "finished":
        if outcome.exit_code != 0:
            console.error(said)
        return 0
    if outcome.stopped_by is not None:
        return 128 + outcome.stopped_by
    raise TrainerError(said, f"the whole log: {folder / STDERR}")


# -I keeps the working directory, PYTHONPATH and the user's site-packages out. Then exactly this
# vlft is imported, installed or not, and where its own folder is site-packages, nothing in there
# comes before the standard library.
_BOOT = """
import sys
sys.path.insert(0, sys.argv[1])
import vlft
del sys.path[0]
sys.path += sys.argv[1:]
from vlft.engines.local.supervisor import main
main()
"""
_ENDING_S = 0.05
_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run(
    process: Process,
    run_dir: Path,
    *,
    poll: Callable[[], None] = lambda: None,
    poll_interval_s: float = 0.2,
    grace_s: float = 10.0,
    log: Path | None = None,
) -> Outcome:
    """Runs a trainer until it and everything that it started has ended.

    SIGTERM, SIGINT and SIGHUP to this process stop the run: every descendant gets SIGTERM, and
    SIGKILL after `grace_s` seconds; a second signal makes that zero. A SIGHUP that was ignored
    when this process started (nohup) stays ignored. A supervisor process sees to it that the same
    happens when this process is killed. The outcome is also in `run_dir`/outcome.json.

    To be called from the main thread, which alone can handle signals.

    Args:
        process: What to start.
        run_dir: An existing folder; gets stdout.log, stderr.log, process.json and outcome.json.
        poll: Called every `poll_interval_s` seconds or so, and once after the end.
        poll_interval_s: In seconds.
        grace_s: From SIGTERM to SIGKILL, in seconds.
        log: ms-swift's logging.jsonl, there or not yet: see `forgiven`. None if it writes none.

    Returns:
        The outcome; its `stopped_by` is the first signal that this process got.

    Raises:
        VlftError: The folder already holds the outcome of a run, or is none.
        OSError: The supervisor can't be started.
        Exception: What `poll` raised, after the run was stopped.
    """
    run_dir = run_dir.resolve()
    if not run_dir.is_dir():
        raise VlftError(f"{run_dir} is no folder")
    if (run_dir / OUTCOME).exists():
        raise VlftError(f"{run_dir} already holds a run that has ended")
    earlier = log.stat().st_size if log is not None and log.exists() else 0
    own_log = None if log is None else (str(log.resolve()), earlier)
    env, parent = dict(process.env), os.getpid()
    job = Job(process.argv, env, process.cwd, str(run_dir), grace_s, parent, own_log)
    with _adopting_orphans(), _Signals() as signals:
        tree = ProcessTree(spared=children())
        supervisor = _start_supervisor()
        outcome = None
        try:
            with supervisor:  # closes the pipes and waits
                _send(supervisor, job)
                signals.forward_to(supervisor)
                try:
                    outcome = _await_outcome(supervisor, poll, poll_interval_s)
                except BaseException:
                    supervisor.terminate()
                    outcome = _await_outcome(supervisor, lambda: None, 1.0)
                    raise
        finally:
            if outcome is None:
                code = supervisor.returncode
                outcome = _end_without_supervisor(code, tree, signals.received, grace_s, run_dir)
    poll()
    return replace(outcome, stopped_by=signals.received[0]) if signals.received else outcome


@contextmanager
def _adopting_orphans() -> Iterator[None]:
    """Should the supervisor be killed, what it leaves behind becomes ours to end."""
    before = is_subreaper()
    set_subreaper(True)
    try:
        yield
    finally:
        set_subreaper(before)


class _Signals(ExitStack):
    """Forwards the signals that ask this process to end to the supervisor, while it is entered.

    Attributes:
        received: Those that came, in their order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.received: list[int] = []
        self._unsent: deque[int] = deque()
        self._supervisor: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        for signum in _STOPPING:
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                self.callback(signal.signal, signum, signal.signal(signum, self._receive))
        return self

    def _receive(self, signum: int, _frame: FrameType | None) -> None:
        self.received.append(signum)
        self._unsent.append(signum)
        self._forward()  # from the handler: `poll` may hang, on a full pipe or a dead file system

    def forward_to(self, supervisor: subprocess.Popen[bytes]) -> None:
        """Sends signals on from now on, and at once those that came before."""
        self._supervisor = supervisor
        self._forward()

    def _forward(self) -> None:
        with suppress(IndexError):  # all are sent
            while self._supervisor is not None:
                self._supervisor.send_signal(self._unsent.popleft())


def _start_supervisor() -> subprocess.Popen[bytes]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)  # until it can handle them
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, *_import_roots()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd="/",
            start_new_session=True,  # out of reach of the terminal's Ctrl-C
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _send(supervisor: subprocess.Popen[bytes], job: Job) -> None:
    assert supervisor.stdin is not None  # noqa: S101 - asked for with PIPE
    data = json.dumps(job).encode() + b"\n"
    with suppress(BrokenPipeError):
        while data:
            data = data[os.write(supervisor.stdin.fileno(), data) :]


def _await_outcome(
    supervisor: subprocess.Popen[bytes], poll: Callable[[], None], poll_interval_s: float
) -> Outcome | None:
    """What the supervisor tells; None if it dies before that."""
    assert supervisor.stdout is not None  # noqa: S101 - asked for with PIPE
    report = b""
    while not report.endswith(b"\n"):
        if select.select([supervisor.stdout], [], [], poll_interval_s)[0]:
            data = os.read(supervisor.stdout.fileno(), 1 << 16)
            if not data:
                return None
            report += data
        else:
            poll()
    return Outcome(**json.loads(report))


def _import_roots() -> list[str]:
    """The folders that hold vlft and what its supervisor imports, in this order."""
    found = [find_spec(name) for name in ("psutil", "msgspec")]
    files = [vlft.__file__, *(spec.origin for spec in found if spec)]
    return [str(Path(file).resolve().parent.parent) for file in files if file]


def _end_without_supervisor(
    exit_code: int, tree: ProcessTree, received: list[int], grace_s: float, run_dir: Path
) -> Outcome:
    """Ends what a supervisor has left that died, and writes the outcome in its place."""
    tree.end(grace_s)
    while not tree.step():
        select.select([], [], [], _ENDING_S)
        if len(received) > 1:
            tree.end(0)
    outcome = read_outcome(run_dir)
    if outcome is None:
        stop = signal.Signals(received[0]).name if received else None
        outcome = conclude(None, stop=stop, orphaned=True)
        died = "was killed" if exit_code < 0 else f"failed with exit code {exit_code}"
        outcome = replace(outcome, reason=f"the supervisor {died}, so the trainer was ended")
        with complaining(OUTCOME):
            write_outcome(run_dir, outcome)
    return outcome
