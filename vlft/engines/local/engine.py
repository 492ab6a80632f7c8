"""The engine `local`: the trainer is a process of this machine, and vlft waits for its end."""

from __future__ import annotations

import os
import shlex
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vlft.engines.base import (
    MASTER_TIMEOUT_S,
    Description,
    Engine,
    Order,
    Resumption,
    Trained,
    require_swift,
)
from vlft.engines.local import LocalTraits
from vlft.engines.local.run import run_command
from vlft.engines.resume import begin, note
from vlft.engines.stop import stop_processes
from vlft.errors import TrainerError, VlftError
from vlft.output import console
from vlft.plan import Command, Plan, render
from vlft.runs.create import create_run, run_folder
from vlft.runs.record import CHECKPOINTS, Run, read_run, remember
from vlft.security.masking import mask_text, secret_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vlft.pipeline import Ready

_INTERVAL_S: Final = 0.5
_ATTEMPT_S: Final = 5.0


class LocalEngine(LocalTraits, Engine):
    """Runs on this machine; on several, where vlft is called on each of them."""

    def describe(self, prepared: Ready, order: Order) -> Description:
        """The command."""
        _, command = plan_command(prepared, order.node_rank, order.run_id)
        line = command.shell_line(prepared.facts.environ)
        return Description(f"{line}\n", command.masked(), line)

    def node_commands(self, prepared: Ready, order: Order, flags: Sequence[str]) -> list[str]:
        """`vlft train` with each node's rank; all see the config and the working directory alike.

        Raises:
            VlftError: If an override holds a secret, or the number of processes is not known.
        """
        source = prepared.loaded.source
        hidden = secret_values(source.data)
        if any(mask_text(text, hidden) != text for text in order.overrides):
            raise VlftError(
                "a secret given with --set would be printed",
                "write it into the environment of each node, or into the config",
            )
        words = ["vlft", "train", str(Path(source.file).absolute())]
        words += [word for text in order.overrides for word in ("--set", text)]
        words += [*flags, "--run-id", run_folder(prepared.run, order.run_id).name, "--node-rank"]
        line = f"cd {shlex.quote(str(Path.cwd()))} && {shlex.join(words)}"
        return [f"{line} {rank}" for rank in range(prepared.plan.world.nnodes)]

    def start(self, order: Order) -> Iterator[Trained]:
        """Runs one config after the other, each to its end.

        Raises:
            TrainerError: If a trainer failed; the others were run all the same.
        """
        failure: TrainerError | None = None
        for prepared in order.configs:
            if failure is not None:  # it does not keep the next one from being tried
                console.note(f"vlft: {failure.message}")
            try:
                trained = train_prepared(prepared, order)
            except TrainerError as error:
                failure = error
                continue
            yield trained
            if trained.exit_code:
                break
        if failure is not None:
            raise failure

    def resume(self, resumption: Resumption, *, node_rank: int = 0) -> Trained:
        """Runs it to its end.

        Raises:
            VlftError: If another vlft has just begun to resume it, or there is no ms-swift.
            TrainerError: If the trainer failed.
            OSError: If the run's folder can't be written.
        """
        run, prepared = resumption.run, resumption.prepared
        require_swift(prepared)
        _, command = plan_command(prepared, node_rank, run_dir=run.folder)
        _meet(prepared.plan, node_rank, MASTER_TIMEOUT_S)
        folder = begin(resumption, node_rank)
        note(resumption, folder, command.masked())
        exit_code = run_command(command, folder, run.folder / CHECKPOINTS / "logging.jsonl")
        return Trained(read_run(run.folder) or run, exit_code)

    def stop(self, run: Run, wait_s: float) -> Run:
        """SIGTERM to the supervisor, which ends all others."""
        return stop_processes(run, wait_s)


ENGINE = LocalEngine()


def plan_command(
    prepared: Ready, node_rank: int = 0, run_id: str | None = None, *, run_dir: Path | None = None
) -> tuple[Path, Command]:
    """What would start now: the folder of its record, which is not made yet, and the trainer.

    Args:
        prepared: A config without errors.
        node_rank: Which node this is, from 0; another one has a folder in the run's.
        run_id: Name of the run's folder; made up from the time if absent, which several
            nodes can't.
        run_dir: The folder of a run that is resumed; a new one if absent.

    Raises:
        VlftError: If the number of processes is unknown, or the nodes would not agree on
            the folder.
    """
    plan, python = prepared.plan, prepared.facts.interpreter
    nnodes = plan.world.nnodes
    if node_rank >= nnodes:
        raise VlftError(
            f"--node-rank {node_rank}, but launch.nnodes is {nnodes}",
            f"ranks are 0 to {nnodes - 1}",
        )
    if nnodes > 1 and run_id is None and run_dir is None:
        raise VlftError(
            f"{nnodes} nodes write into one folder, and have to agree on its name",
            "give all of them the same --run-id NAME; --print-node-commands prints their commands",
        )
    run_dir = run_dir or run_folder(prepared.run, run_id)
    port = free_port() if plan.torchrun and nnodes == 1 else None
    output = run_dir / CHECKPOINTS
    command = render(plan, python, output, master_port=port, node_rank=node_rank)
    return run_dir / f"node-{node_rank}" if node_rank else run_dir, command


def train_prepared(prepared: Ready, order: Order) -> Trained:
    """Runs one config of an order to its end.

    Raises:
        VlftError: If there is no ms-swift to run it, or the nodes can't find each other.
        TrainerError: If the trainer failed; the message holds its last error.
        OSError: If the run's folder can't be written.
    """
    require_swift(prepared)
    plan = prepared.plan
    folder, command = plan_command(prepared, order.node_rank, order.run_id)
    _meet(plan, order.node_rank, order.master_timeout_s)
    create_run(folder, prepared.run, plan, command.masked(), order.overrides)
    if order.node_rank == 0:
        remember(folder)
    exit_code = run_command(command, folder)
    run = read_run(folder)
    if run is None:
        message = f"the run's record is gone from {folder}"
        raise VlftError(message)
    return Trained(run, exit_code)


def _meet(plan: Plan, node_rank: int, timeout_s: float) -> None:
    """Makes sure, before anything is started, that the nodes can find each other.

    Raises:
        VlftError: If node 0's port is taken, or another node does not reach it.
    """
    if not plan.torchrun or plan.master_port is None:
        return
    if node_rank == 0:
        require_free(plan.master_port)
    elif plan.master_addr is not None:
        await_master(plan.master_addr, plan.master_port, timeout_s)


def free_port() -> int:
    """A TCP port that nobody uses, and that the kernel gives to nobody else for a minute.

    A connection that its server has closed rests for 60 s (TIME_WAIT, tcp(7)). Meanwhile its port
    is passed over where any port would do, for another vlft or an outgoing connection; who names
    it and sets SO_REUSEADDR, as this and torch's store do, may listen on it.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()  # before the client: who closes first keeps the port
        return port


def require_free(port: int) -> None:
    """Makes sure that node 0, this machine, can listen on a port.

    Raises:
        VlftError: If something listens there, or only root may.
    """
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    try:  # with SO_REUSEADDR, as torch's store does
        socket.create_server(("", port), family=family, dualstack_ipv6=both).close()
    except PermissionError:
        raise VlftError(
            f"port {port} is for root alone", "write `launch.master_port: 29500`"
        ) from None
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise VlftError(
            f"port {port} can't be used on this machine: {reason}",
            f"another run may hold it; write another `launch.master_port`, say {free_port()}",
        ) from None


def await_master(address: str, port: int, seconds: float) -> None:
    """Waits until node 0 listens.

    Args:
        address: Its name or address.
        port: The port there.
        seconds: How long to try.

    Raises:
        VlftError: If the name is not known, or nobody has answered by then.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection((address, port), timeout=_ATTEMPT_S).close()
        except socket.gaierror as error:
            raise VlftError(
                f"node 0 is not found: `{address}`: {(error.strerror or str(error)).lower()}",
                "write the address that this machine reaches it at: launch.master_addr",
            ) from None
        except OSError as error:
            if time.monotonic() >= deadline:
                raise VlftError(
                    f"node 0 has not answered at {address}:{port} within {seconds:g} s: "
                    f"{(error.strerror or str(error)).lower()}",
                    "start vlft on node 0 too, and see whether a firewall is between; "
                    "--master-timeout waits longer",
                ) from None
        else:
            return
        time.sleep(_INTERVAL_S)
