"""Finding the processes that a test started, and waiting for what they do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest


def marked(mark: str) -> list[psutil.Process]:
    """Every process that has the mark in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("VLFT_TEST_MARK") == mark:
                found.append(process)
        except psutil.Error:
            continue
    return found


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    pytest.fail(f"{what}: not within {seconds} s")
