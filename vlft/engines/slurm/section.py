"""The section `slurm`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from vlft.config.schema import Config, Count, Section, Texts

if TYPE_CHECKING:
    from vlft.resolve.world import World


SIGNAL_SECONDS: Final = 120
"""How long before its time limit a job that begins again is told, if the config is silent."""

_PLAIN: Final = (
    "partition", "account", "qos", "time", "constraint", "exclude", "reservation", "dependency",
    "cpus_per_task", "mem", "gres", "comment",
)  # fmt: skip


class Container(Section):
    """An image that the trainer runs in, by the pyxis plugin; its own ms-swift trains."""

    image: str = Field(description="Registry path or .sqsh file. --container-image")
    mounts: Texts = Field(
        [],
        description="SOURCE:TARGET[:FLAGS] each; the run's folder is added. --container-mounts",
    )
    flags: Texts = Field([], description="Further options of srun, such as --container-workdir=/.")


class Slurm(Section):
    """What the job asks the cluster for; a key that is absent is left to the cluster."""

    partition: str | None = Field(None, description="--partition")
    account: str | None = Field(None, description="--account")
    qos: str | None = Field(None, description="--qos")
    time: Annotated[int, Field(ge=0)] | str | None = Field(
        None, description="Limit: minutes, H:MM:SS, D-H or D-HH:MM:SS. --time"
    )
    constraint: str | None = Field(None, description="Features of the nodes. --constraint")
    exclude: str | None = Field(None, description="Nodes not to run on. --exclude")
    reservation: str | None = Field(None, description="--reservation")
    dependency: str | None = Field(None, description="afterok:JOB and the like. --dependency")
    cpus_per_task: Count | None = Field(
        None, description="Cores of a node: one task a node starts all its processes."
    )
    mem: Count | str | None = Field(None, description="Memory of a node: 64G, or MiB. --mem")
    gres: str | None = Field(
        None, description="Generic resources of a node; GPUs come from launch.gpus. --gres"
    )
    comment: str | None = Field(None, description="--comment")
    extra: Texts = Field([], description="Further options of sbatch, such as --mail-type=END.")
    setup: Texts = Field(
        [],
        description="Lines of bash that the job runs on its first node before the trainer: "
        "module load, exports. The one place where text of the config is read by a shell.",
    )
    env_file: str | None = Field(
        None,
        description="A file of NAME=value lines with secrets, which the job's shell reads; "
        "nobody but its owner may read it.",
    )
    container: Container | None = None
    requeue: bool = Field(
        False,
        description="Begin again by itself, from the last checkpoint: when the time is nearly "
        "up, when preempted, when a node fails.",
    )
    signal_seconds: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        None,
        description="With requeue: seconds before the time limit in which the trainer saves and "
        "ends; 120. --signal",
    )

    def options(self, world: World) -> tuple[str, ...]:
        """Options of sbatch, `--name=value` each; the user's own ones last, so that they win.

        Args:
            world: Nodes, and GPUs of each.
        """
        options = [f"--nodes={world.nnodes}", "--ntasks-per-node=1"]
        if world.gpus_per_node:
            options.append(f"--gpus-per-node={world.gpus_per_node}")
        for name in _PLAIN:
            value = getattr(self, name)
            if value is not None:
                options.append(f"--{name.replace('_', '-')}={value}")
        if self.requeue:
            # B: to the batch shell alone; torchrun would die of it.
            options += ["--requeue", f"--signal=B:USR1@{self.signal_seconds or SIGNAL_SECONDS}"]
        else:
            options.append("--no-requeue")
        return (*options, *self.extra)


SECTION = Slurm


def slurm_of(config: Config) -> Slurm:
    """The section of a config; what is left to the cluster where it has none."""
    return config.engine_section(Slurm) or Slurm.model_construct()
