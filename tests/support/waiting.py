"""Waiting for what another process does, as long as a slow machine takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

HANG_S = 600  # only a hang lasts longer; no test depends on the speed of the machine


def wait_for(
    condition: Callable[[], Any],
    what: str = "the condition",
    pause_s: float = 0.01,
    log: Callable[[], str] = str,
) -> Any:
    """What the condition gives once it is true; the test fails, with the log, if it hangs."""
    until = time.monotonic() + HANG_S
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(pause_s)
    pytest.fail(f"{what}: not within {HANG_S} s\n{log()[-4000:]}")
