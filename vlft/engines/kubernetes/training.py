"""A prepared config → the manifest that runs it; nothing is applied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vlft.engines.kubernetes.manifest import TrainJob, render_train_job
from vlft.engines.slurm.probe import gpus_asked_for
from vlft.engines.training import new_folder
from vlft.errors import VlftError
from vlft.plan.command import Command, render
from vlft.runs.record import CHECKPOINTS

if TYPE_CHECKING:
    from vlft.pipeline import Ready
    from vlft.plan.plan import Plan


@dataclass(frozen=True)
class PlannedTrainJob:
    """A manifest about to be printed.

    Attributes:
        command: The trainer in a pod, before the shell in it has renamed any variable.
        manifest: The TrainJob as plain data.
    """

    command: Command
    manifest: dict[str, Any]

    @property
    def text(self) -> str:
        """The manifest as one YAML document of several."""
        import yaml  # noqa: PLC0415 - where the engine is asked for

        body = yaml.safe_dump(self.manifest, sort_keys=False, allow_unicode=True, width=100)
        return f"---\n{body}"

    def to_json(self, plan: Plan) -> dict[str, Any]:
        """The documented object of `vlft train --dry-run --format json`."""
        return {
            "argv": list(self.command.masked().argv),
            "env": self.command.masked().env,
            "command": "kubectl apply -f FILE",
            "nodes": plan.world.nnodes,
            "nproc_per_node": plan.world.nproc_per_node,
            "world_size": plan.world.world_size,
            "engine": "kubernetes",
            "manifest": self.manifest,
        }


def planned_train_job(prepared: Ready, run_id: str | None = None) -> PlannedTrainJob:
    """The TrainJob of a prepared config.

    Raises:
        VlftError: If the number of processes is not known, there is no `kubernetes:`, or a
            secret would be printed.
    """
    loaded, plan = prepared.loaded, prepared.plan
    section, world = loaded.config.kubernetes, plan.world
    if section is None:
        raise VlftError("`engine: kubernetes` needs an image", "write `kubernetes: {image: …}`")
    folder = new_folder(prepared, run_id)
    # The image's own `swift` trains, and calls torchrun by the variables that the pod has.
    command = render(replace(plan, torchrun=False), None, folder / CHECKPOINTS)
    if command.secrets:
        raise VlftError(
            "the manifest would hold a secret",
            "name it under kubernetes.secrets: `{HF_TOKEN: SECRET/KEY}`",
        )
    job = TrainJob(
        name=folder.name,
        section=section,
        argv=command.masked().argv,
        env=command.plain_env,
        nnodes=world.nnodes,
        nproc_per_node=world.nproc_per_node or 1,
        gpus=gpus_asked_for(loaded.config, world.gpus_per_node) or 0,
        rendezvous=plan.torchrun,
    )
    return PlannedTrainJob(command, render_train_job(job))
