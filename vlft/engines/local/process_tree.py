"""Every process that descends from this one, and how to end them all.

Killing a process group is not enough: torchrun gives each worker a session of its own. Walking
the tree is not enough either: a process whose parent has died leaves the tree. So this process
becomes a child subreaper (Linux, prctl(2)): orphans among its descendants become its own
children. A descendant is then always found: it, or an ancestor that is alive or a zombie, is a
direct child until this process itself reaps it.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psutil

# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37

# Longest chase after processes that fork and exit, before the whole tree is looked at again.
_CHASE_S = 0.5


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def is_subreaper() -> bool:
    """Whether orphans among the descendants become children of this process."""
    flag = ctypes.c_int(0)
    _libc().prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(flag), 0, 0, 0)
    return flag.value == 1


def set_subreaper(on: bool) -> None:
    """Adopts orphans from now on, or no longer."""
    _libc().prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0)


def end_with(parent: int) -> None:
    """Asks the kernel to send this process SIGTERM when `parent`, its parent, dies.

    For the moment between fork and exec. A second line of defence, for the case that vlft and
    its supervisor are killed at once.
    """
    _libc().prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel was asked
        os.kill(os.getpid(), signal.SIGTERM)


def children() -> set[int]:
    """Pids of the direct children of this process, zombies among them."""
    # Microseconds, where a walk over /proc takes milliseconds.
    try:
        lists = [Path(task.path, "children").read_text() for task in os.scandir("/proc/self/task")]
    except OSError:  # a kernel without these lists
        import psutil  # noqa: PLC0415 - 20 ms that the start of a run does not wait for

        return {child.pid for child in psutil.Process().children()}
    return {int(pid) for pids in lists for pid in pids.split()}


class ProcessTree:
    """The descendants of this process, except for some children and what descends from them.

    Attributes:
        exit_codes: Of the direct children that were reaped, by pid; -9 for one that SIGKILL ended.
    """

    def __init__(self, spared: Iterable[int] = ()) -> None:
        self.exit_codes: dict[int, int] = {}
        self._spared = frozenset(spared)
        self._asked: set[psutil.Process] = set()
        self._out_of_reach: set[psutil.Process] = set()
        self._deadline = math.inf

    @property
    def ending(self) -> bool:
        """Whether the end was asked for."""
        return self._deadline < math.inf

    def end(self, grace_s: float) -> None:
        """Asks for the end of all: SIGTERM now, SIGKILL after `grace_s` seconds.

        A second call can bring the SIGKILL forward, not put it off. `step` does the work.
        """
        self._deadline = min(self._deadline, time.monotonic() + grace_s)

    def step(self) -> bool:
        """Does the next bit of the ending; to be called, after `end`, every 50 ms until it is True.

        Returns:
            True when no descendant is left, not even a zombie.
        """
        self.reap()
        left = self._descendants()
        if not left:
            return True
        if time.monotonic() >= self._deadline:
            for process in left:
                self._send(process, signal.SIGKILL)
            self._chase()
        else:
            for process in left - self._asked:
                self._send(process, signal.SIGTERM)
                self._send(process, signal.SIGCONT)  # one that is stopped could not hear it
            self._asked |= left
        return False

    def reap(self) -> None:
        """Takes in the exit codes of children that have ended; to be called now and then."""
        for pid in children() - self._spared:
            with suppress(ChildProcessError):
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    self.exit_codes[pid] = os.waitstatus_to_exitcode(status)

    def _descendants(self) -> set[psutil.Process]:
        import psutil  # noqa: PLC0415 - see above

        found = set(psutil.Process().children(recursive=True))
        for pid in self._spared:
            with suppress(psutil.Error):
                spared = psutil.Process(pid)
                found -= {spared, *spared.children(recursive=True)}
        return found - self._out_of_reach

    def _chase(self) -> None:
        """Kills direct children as fast as they come.

        A process that forks and exits at once is gone before a walk over all processes has come
        to it, but its child belongs to this process by then.
        """
        killed: set[int] = set()
        until = time.monotonic() + _CHASE_S
        while time.monotonic() < until and (fresh := children() - self._spared - killed):
            for pid in fresh:  # a pid can't be given anew before it is reaped, which only we do
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            killed |= fresh
            self.reap()

    def _send(self, process: psutil.Process, signum: signal.Signals) -> None:
        import psutil  # noqa: PLC0415 - see above

        try:
            process.send_signal(signum)  # checks that the pid was not given to another process
        except psutil.AccessDenied:
            self._out_of_reach.add(process)  # of another user: waiting for it would be for ever
        except psutil.NoSuchProcess:
            pass
