"""The plan of a run: everything decided, nothing started."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vlft.engines.traits import traits_of
from vlft.resolve.batch import Batch
from vlft.resolve.world import World
from vlft.swift.release import as_flags

if TYPE_CHECKING:
    from vlft.probe.collect import Facts
    from vlft.resolve.run import RunSpec


@dataclass(frozen=True)
class Plan:
    """What will be run; goes to JSON and back.

    Attributes:
        subcommand: `sft`, `pt` or `rlhf`.
        batch: Rows per optimizer step.
        world: Processes and devices.
        torchrun: Whether the processes are started by torch.distributed.run.
        master_addr: Address of node 0; None on one node.
        master_port: Port of the rendezvous; None where torchrun chooses.
        arguments: Argument of ms-swift → its values as text.
        env: Variables set for the trainer on top of the caller's.
        model_type: The family as ms-swift calls it; None if unknown.
        swift_version: The ms-swift that the arguments were made for.
    """

    subcommand: str
    batch: Batch
    world: World
    torchrun: bool
    master_addr: str | None
    master_port: int | None
    arguments: dict[str, tuple[str, ...]]
    env: dict[str, str]
    model_type: str | None
    swift_version: str

    def to_json(self) -> dict[str, Any]:
        """As plain data for plan.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """The plan that `to_json` gave.

        Raises:
            KeyError, TypeError: If the data is no plan.
        """
        fields = dict(data)
        return cls(
            **fields
            | {
                "batch": Batch(**data["batch"]),
                "world": World(**data["world"]),
                "arguments": {name: tuple(texts) for name, texts in data["arguments"].items()},
            }
        )


def plan_run(run: RunSpec) -> Plan:
    """The plan of a run.

    Raises:
        ValueError: If the run has no batch; `pipeline.prepare` rejects such a config.
    """
    if not isinstance(run.batch, Batch):
        message = "a run whose batch does not come out has no plan"
        raise ValueError(message)  # noqa: TRY004 - not a type error of the caller
    address, port = run.master
    return Plan(
        subcommand=run.task,
        batch=run.batch,
        world=run.world,
        torchrun=run.uses_torchrun,
        master_addr=address,
        master_port=port,
        arguments=as_flags(run.args.written(), run.facts.swift.arguments[run.config.task]),
        env=_environment(run),
        model_type=run.family.swift_model_type if run.family else None,
        swift_version=run.facts.swift.version,
    )


# What makes a CPU run faster where the caller has said nothing. glibc gives large freed
# blocks back to the kernel and faults them in again at every step; logits over a whole
# vocabulary are such blocks, and a third of the time goes there. OpenMP's threads spin while
# they wait, which costs most of the speed as soon as anything else runs. Sizes in bytes.
_CPU_DEFAULTS = {
    "MALLOC_TRIM_THRESHOLD_": str(4 * 1024**3),
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024**3),
    "MALLOC_TOP_PAD_": str(256 * 1024**2),
    "OMP_WAIT_POLICY": "PASSIVE",
}


def _environment(run: RunSpec) -> dict[str, str]:
    """What vlft sets for the trainer; the launcher's own variables come with the command."""
    facts, world = run.facts, run.world
    caller = facts.environ
    env = {name: variable.text for name, variable in run.config_variables.items()}
    env = {**run.added_variables, **env}
    if world.visible_devices is not None:
        env[_devices_variable(facts)] = world.visible_devices
    if world.cpu:
        env = {name: value for name, value in _CPU_DEFAULTS.items() if name not in caller} | env
    cores = traits_of(run.config.launch.engine).cores_per_node(run.config)
    if cores is None and facts.hardware is not None:
        cores = facts.hardware.cores
    if cores and "OMP_NUM_THREADS" not in caller:
        threads = max(1, cores // (world.nproc_per_node or 1))
        env.setdefault("OMP_NUM_THREADS", str(threads))
    if "PYTHONUNBUFFERED" not in caller:
        env.setdefault("PYTHONUNBUFFERED", "1")  # the log says where it is, also in a crash
    return dict(sorted(env.items()))


def _devices_variable(facts: Facts) -> str:
    """The variable that says which devices a process sees: Ascend's own with torch_npu."""
    packages = facts.interpreter.packages if facts.interpreter else {}
    return "ASCEND_RT_VISIBLE_DEVICES" if "torch-npu" in packages else "CUDA_VISIBLE_DEVICES"
