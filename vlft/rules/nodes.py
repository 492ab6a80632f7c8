"""Several processes on several nodes: how they find and talk to each other."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from vlft.plan.arguments import needs_torchrun
from vlft.plan.passed import uses_ray
from vlft.plan.world import number_in
from vlft.rules.base import Context, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("launch.master-addr", "error", "torch.distributed.run: static rendezvous", effect="late")
def nodes_need_an_address(context: Context) -> Iterator[Problem]:
    """Several nodes know the address of the first and the port there."""
    launch, nnodes = context.config.launch, context.world.nnodes
    if nnodes == 1 or launch.engine != "local":
        return
    if launch.master_addr is None and context.facts.environ.get("MASTER_ADDR") is None:
        yield Problem(
            ("launch", "nnodes"),
            f"{nnodes} nodes, but no address of node 0",
            "write `launch.master_addr: HOST`",
        )
    if launch.master_port is None and number_in(context.facts.environ, "MASTER_PORT") is None:
        yield Problem(
            ("launch", "nnodes"),
            f"{nnodes} nodes, but no port that all of them agree on",
            "write `launch.master_port: 29500`",
        )


@rule(
    "launch.loopback", "error", "torch.distributed.run: every node waits for itself", effect="late"
)
def address_leads_to_node_0(context: Context) -> Iterator[Problem]:
    """The address of node 0 means that node on every node; only CPU runs may share a machine."""
    written = context.config.launch.master_addr
    address = written or context.facts.environ.get("MASTER_ADDR")
    one_place = context.world.nnodes == 1 or context.world.cpu
    elsewhere = context.config.launch.engine != "local"
    if one_place or elsewhere or not address or not _is_loopback(address):
        return
    yield Problem(
        ("launch", "master_addr" if written else "nnodes"),
        f"{context.world.nnodes} nodes would each look for node 0 at `{address}`, on themselves",
        "write the address that the other nodes reach node 0 at (`hostname -I` on node 0)",
    )


@rule("launch.scheduler-address", "error", "vlft: a job finds its own node 0", effect="silent")
def scheduler_knows_the_address(context: Context) -> Iterator[Problem]:
    """`launch.master_addr` is for nodes that no scheduler starts."""
    launch = context.config.launch
    keys = ["master_addr"] if launch.master_addr is not None else []
    if launch.engine == "kubernetes" and launch.master_port is not None:
        keys.append("master_port")
    for key in keys if launch.engine != "local" else ():
        yield Problem(
            ("launch", key),
            f"with `engine: {launch.engine}` nothing reads `launch.{key}`: the job finds node 0",
            "leave it out",
            at_key=True,
        )


@rule(
    "launch.ddp-backend",
    "error",
    "transformers/training_args.py: PartialState",
    effect="aborts",
    says="Default process group has not been initialized",
)
def backend_has_processes(context: Context) -> Iterator[Problem]:
    """`ddp_backend` fits the devices, and torchrun starts the processes that it connects."""
    backend = context.config.swift.get("ddp_backend")
    if backend is None or context.world.world_size is None:
        return
    if not needs_torchrun(context.loaded, context.world):
        yield Problem(
            ("swift", "ddp_backend"),
            f"`ddp_backend: {backend}` with "
            + ("Ray, whose driver" if uses_ray(context.config) else "a single process, which")
            + " joins no group",
            "leave it out",
            at_key=True,
        )
    elif context.world.cpu and backend not in {"gloo", "mpi"}:  # mpi: if torch was built with it
        yield Problem(
            ("swift", "ddp_backend"),
            f"`{backend}` does not connect processes on the CPU, where this run is",
            "write gloo",
        )


def _is_loopback(address: str) -> bool:
    if address.lower() in {"localhost", "localhost.localdomain", "ip6-localhost"}:
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False
