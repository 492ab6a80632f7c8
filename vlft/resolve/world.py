"""Devices and processes: which are used, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.engines.traits import traits_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.schema import Launch
    from vlft.resolve.sharding import Sharding
    from vlft.swift.args import SwiftArgs


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a run.

    Attributes:
        nnodes: Nodes.
        nproc_per_node: Processes on each; None while the number of GPUs is unknown.
        gpus_per_node: GPUs used on each, which is what a scheduler is asked for; None while
            unknown, 0 on a CPU.
        visible_devices: What CUDA_VISIBLE_DEVICES is set to; None leaves it alone, as for a
            scheduler, which sets it itself.
        cpu: Whether the run uses no GPU at all.
    """

    nnodes: int
    nproc_per_node: int | None
    gpus_per_node: int | None
    visible_devices: str | None
    cpu: bool

    @property
    def world_size(self) -> int | None:
        """Processes on all nodes."""
        return None if self.nproc_per_node is None else self.nproc_per_node * self.nnodes


_DIGITS = 9
"""Of the largest number of processes that is believed."""


def resolve_world(
    launch: Launch, visible: tuple[str, ...] | None, environ: Mapping[str, str]
) -> World:
    """The processes that a launch section asks for.

    Args:
        launch: The section.
        visible: Ids of the visible GPUs (CUDA_VISIBLE_DEVICES if set, else all indices);
            None if the machine was not looked at.
        environ: The caller's environment: NPROC_PER_NODE and NNODES count where the
            section is silent.
    """
    gpus = launch.gpus
    nproc = launch.nproc_per_node or number_in(environ, "NPROC_PER_NODE")
    nnodes = launch.nnodes or number_in(environ, "NNODES") or 1
    if gpus == "none":
        return World(nnodes, nproc or 1, 0, "", cpu=True)
    if gpus == "auto":
        count = None if visible is None else len(visible)
        devices = None
    elif isinstance(gpus, int):
        count = gpus
        ids = visible if visible is not None else tuple(map(str, range(gpus)))
        devices = ",".join(ids[:gpus])
    else:
        count = len(gpus)
        devices = ",".join(map(str, gpus))
    if traits_of(launch.engine).places_processes:
        # The scheduler chooses them, and where none are counted each process gets one.
        devices, count = None, nproc if count is None else count
    # No visible GPU is a finding, not a world of no processes.
    return World(nnodes, nproc or count or None, count, devices, cpu=False)


def uses_ray(task: str, args: SwiftArgs) -> bool:
    """Whether Ray starts the trainers: ms-swift's pt and rlhf ignore `use_ray`."""
    return task == "sft" and args.flag("use_ray")


def uses_torchrun(task: str, args: SwiftArgs, world: World, sharding: Sharding) -> bool:
    """Whether the run goes through torch.distributed.run.

    DeepSpeed and FSDP need its rendezvous even for one process. Ray's actors are processes
    by themselves.
    """
    return not uses_ray(task, args) and (world.world_size != 1 or sharding.is_sharded)


def number_in(environ: Mapping[str, str], name: str) -> int | None:
    """A positive number in the environment; None if there is none."""
    text = environ.get(name, "")
    return (int(text) or None) if text.isdecimal() and len(text) <= _DIGITS else None
