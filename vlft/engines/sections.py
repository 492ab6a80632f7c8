"""The sections of the engines that hand a run to a scheduler."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vlft.config.fields import Count, Section, Texts


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


class Volume(Section):
    """A folder that every pod sees."""

    mount: str = Field(description="Absolute path in the container.")
    claim: str | None = Field(None, description="Name of a PersistentVolumeClaim.")
    host_path: str | None = Field(None, description="Or a folder of the machine itself.")
    sub_path: str | None = Field(None, description="A folder in the volume, instead of its root.")
    read_only: bool = False


class Toleration(Section):
    """A taint that does not keep the pods away."""

    key: str = Field(description="Of the taint.")
    value: str | None = Field(None, description="Of the taint; any if absent.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="All if absent."
    )


class Kubernetes(Section):
    """What the TrainJob of Kubeflow Trainer holds beside the command."""

    image: str = Field(description="Container image that has ms-swift.")
    namespace: str | None = Field(None, description="Namespace of the TrainJob.")
    runtime: str = Field("torch-distributed", description="ClusterTrainingRuntime to build on.")
    gpu_resource: str = Field("nvidia.com/gpu", description="The name of launch.gpus there.")
    resources: dict[str, str | int] = Field(
        {}, description="cpu, memory and others of each pod: requested, and the limit."
    )
    shared_memory: str | None = Field(
        None, description="Size of /dev/shm, which the data loader's workers need: 16Gi."
    )
    volumes: list[Volume] = Field([], description="Folders with the model, the data, the output.")
    node_selector: dict[str, str] = Field({}, description="Labels that the nodes must have.")
    tolerations: list[Toleration] = Field([], description="Taints that the nodes may have.")
    service_account: str | None = Field(None, description="Name of a ServiceAccount.")
    secrets: dict[str, str] = Field(
        {}, description="Variable → SECRET/KEY: the cluster holds the value, the manifest doesn't."
    )
    image_pull_secrets: Texts = Field([], description="Names of Secrets for the registry.")
