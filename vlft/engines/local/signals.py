"""Signals to vlft become requests to its supervisor."""

from __future__ import annotations

import signal
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from typing_extensions import Self


class Stopper:
    """Turns signals into requests to stop, while it is entered."""

    def __init__(self, grace_s: float) -> None:
        self.signals: list[int] = []
        self.grace_s = grace_s
        self._unsent: deque[int] = deque()
        self._send: Callable[[Any], None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
                self._before[signum] = signal.signal(signum, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def _hear(self, signum: int, _frame: FrameType | None) -> None:
        self.signals.append(signum)
        if len(self.signals) > 1:
            self.grace_s = 0.0
        self._unsent.append(signum)
        self._flush()  # from the handler: `poll` may hang, on a full pipe or a dead file system

    def connect(self, send: Callable[[Any], None]) -> None:
        """Sends requests from now on, and at once those for the signals that came before."""
        self._send = send
        self._flush()

    def disconnect(self) -> None:
        """Keeps signals to itself from now on: there is nobody left to ask."""
        self._send = None

    def _flush(self) -> None:
        with suppress(IndexError):  # a handler within this loop has sent the last one
            while self._send is not None and self._unsent:
                self._send(stop_request(self._unsent.popleft(), self.grace_s))


def stop_request(signum: int, grace_s: float) -> dict[str, Any]:
    """What the supervisor is told; see there."""
    return {"stop": signal.Signals(signum).name, "grace_s": grace_s}
