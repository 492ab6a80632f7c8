"""Runs on this machine: the trainer, its supervisor, and every process under them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.engines.traits import EngineTraits, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class LocalTraits(EngineTraits):
    """One machine; several, where vlft is called on each of them."""

    name = "local"
    shares_machine = True
    places_processes = False

    def status(self, attempt: Path, record: Mapping[str, Any]) -> State:
        """By the supervisor, or the vlft that is about to start it."""
        from vlft.runs.attempts import process_state

        return process_state(attempt, record)

    def log_files(self, attempt: Path) -> list[Path]:
        """Stdout before stderr."""
        from vlft.engines.process import STDERR, STDOUT

        return [attempt / STDOUT, attempt / STDERR]


TRAITS = LocalTraits()
