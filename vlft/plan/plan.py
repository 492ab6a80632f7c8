"""The plan of a run: everything decided, nothing started."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from vlft.plan.environment import environment
from vlft.resolve.batch import Batch
from vlft.resolve.world import World
from vlft.swift.release import as_flags

if TYPE_CHECKING:
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
        env=environment(run),
        model_type=run.family.swift_model_type if run.family else None,
        swift_version=run.facts.swift.version,
    )
