"""The engine `local`: the trainer is a process of this machine, and vlft waits for its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.engines.base import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from vlft.engines.base import Description, Order, Resumption, Trained
    from vlft.engines.traits import State
    from vlft.pipeline import Ready
    from vlft.runs.record import Run


class LocalEngine(Engine):
    """Runs on this machine; on several, where vlft is called on each of them."""

    name = "local"
    shares_machine = True
    places_processes = False

    def describe(
        self, prepared: Ready, *, run_id: str | None = None, node_rank: int = 0
    ) -> Description:
        """The command."""
        from vlft.engines.base import Description
        from vlft.engines.local.start import plan_command

        command = plan_command(prepared, node_rank=node_rank, run_id=run_id).command
        line = command.shell_line(prepared.facts.environ)
        return Description(f"{line}\n", command.masked(), line)

    def node_commands(
        self,
        prepared: Ready,
        overrides: Sequence[str],
        run_id: str | None,
        flags: Sequence[str] = (),
    ) -> list[str]:
        """`vlft train` with each node's rank."""
        from vlft.engines.local.start import node_commands

        return node_commands(prepared, overrides, run_id, flags)

    def start(self, order: Order, report: Callable[[Run], None]) -> int:
        """Runs one after the other."""
        from vlft.engines.local.start import run_order

        return run_order(order, report)

    def resume(self, resumption: Resumption, *, node_rank: int = 0) -> Trained:
        """Runs it to its end."""
        from vlft.engines.local.start import resume_run

        return resume_run(resumption, node_rank)

    def status(self, attempt: Path, record: Mapping[str, Any]) -> State:
        """By the supervisor, or the vlft that is about to start it."""
        from vlft.runs.attempts import process_state

        return process_state(attempt, record)

    def log_files(self, attempt: Path) -> list[Path]:
        """Stdout before stderr."""
        from vlft.engines.process import STDERR, STDOUT

        return [attempt / STDOUT, attempt / STDERR]

    def stop(self, run: Run, wait_s: float) -> Run:
        """SIGTERM to the supervisor, which ends all others."""
        from vlft.engines.stop import stop_processes

        return stop_processes(run, wait_s)


ENGINE = LocalEngine()
