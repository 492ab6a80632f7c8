"""The section `kubernetes`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vlft.config.schema import Section, Texts


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

    image: str = Field(
        description="Container image that has ms-swift.", examples=["REGISTRY/NAME:TAG"]
    )
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


SECTION = Kubernetes
