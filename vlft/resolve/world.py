"""Devices and processes, and how a run's model is spread over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from vlft.engines.traits import traits_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.schema import Config, Launch
    from vlft.probe.collect import Facts
    from vlft.probe.deepspeed import Deepspeed
    from vlft.resolve.args import SwiftArgs


_LAST_STAGE = 3


class Sharding(Struct, frozen=True):
    """What spreads the model.

    Attributes:
        deepspeed: DeepSpeed's preset or file as the config names it; None without DeepSpeed.
        file: Absolute path of DeepSpeed's file; None for a preset.
        settings: DeepSpeed's settings; None where the name is unknown or the file unreadable.
        fsdp: FSDP's preset or file; None without FSDP.
    """

    deepspeed: str | None = None
    file: str | None = None
    settings: Deepspeed | None = None
    fsdp: str | None = None

    @property
    def is_sharded(self) -> bool:
        """Whether the run needs the rendezvous of DeepSpeed or FSDP, even for one process."""
        return self.deepspeed is not None or self.fsdp is not None

    @property
    def stage(self) -> int | None:
        """ZeRO stage, 0 to 3; None without DeepSpeed, or if it is unknown."""
        return self.settings.stage if self.settings is not None else None

    @property
    def is_zero3(self) -> bool:
        """Whether DeepSpeed spreads the weights too."""
        return self.stage == _LAST_STAGE

    @property
    def offload(self) -> bool:
        """Whether the optimizer or the weights are kept in main memory."""
        return self.settings is not None and self.settings.offload


def resolve_sharding(config: Config, facts: Facts, args: SwiftArgs) -> Sharding:
    """The run's sharding; an empty text is none, as for ms-swift."""
    fsdp = " ".join(args.given_texts("fsdp"))
    deepspeed = config.deepspeed or None
    return Sharding(deepspeed, facts.deepspeed_file, facts.deepspeed, fsdp or None)


class World(Struct, frozen=True):
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
