"""The engine `kubernetes`: a TrainJob on stdout, which somebody applies.

For Kubeflow Trainer 2.2 and later. vlft itself does not talk to the cluster.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml
from msgspec import Struct
from msgspec.structs import replace

from vlft.engines.base import Description, Engine, Order
from vlft.engines.kubernetes import KubernetesTraits
from vlft.engines.kubernetes.section import Kubernetes, Volume
from vlft.errors import VlftError
from vlft.plan import MaskedCommand, render
from vlft.runs.create import run_folder
from vlft.runs.record import CHECKPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.pipeline import Ready
    from vlft.resolve.world import World


class KubernetesEngine(KubernetesTraits, Engine):
    """Manifests for Kubeflow Trainer."""

    def describe(self, prepared: Ready, order: Order) -> Description:
        """The manifest, as one YAML document of several.

        Its command is the trainer in a pod, before the shell in it has renamed any variable.
        """
        plan = prepared.plan
        section = prepared.loaded.config.engine_section(Kubernetes)
        if section is None:
            raise VlftError("`engine: kubernetes` needs an image", "write `kubernetes: {image: …}`")
        folder = run_folder(prepared.run, order.run_id)
        # The image's own `swift` trains, and calls torchrun by the variables that the pod has.
        command = render(replace(plan, torchrun=False), None, folder / CHECKPOINTS)
        if command.secrets:
            raise VlftError(
                "the manifest would hold a secret",
                "name it under kubernetes.secrets: `{HF_TOKEN: SECRET/KEY}`",
            )
        shown = command.masked()
        job = TrainJob(folder.name, section, shown, plan.world, plan.torchrun)
        manifest = render_train_job(job)
        text = yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=100)
        starter = "kubectl apply -f FILE"
        return Description(f"---\n{text}", shown, starter, {"manifest": manifest})


ENGINE = KubernetesEngine()

# Trainer tells a pod its place by PET_*, torchrun's own names; ms-swift looks for others before
# it calls torchrun at all, and without them every pod trains by itself.
_RENAMED: Final = ("NNODES", "NPROC_PER_NODE", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
_CONTAINER: Final = "node"  # of the runtime torch-distributed, as is its job
_MANAGER: Final = "vlft"
_LONGEST: Final = 48  # a pod's name adds up to fifteen characters


class TrainJob(Struct, frozen=True):
    """All that a manifest is made of.

    Attributes:
        name: Of the run.
        section: The config's `kubernetes:`.
        command: The trainer's words and variables; it has no secrets.
        world: Pods, and processes and GPUs of each.
        rendezvous: Whether the processes have to find each other.
    """

    name: str
    section: Kubernetes
    command: MaskedCommand
    world: World
    rendezvous: bool


def render_train_job(job: TrainJob) -> dict[str, Any]:
    """The manifest."""
    pod = _pod(job.section)
    patches = [{"manager": _MANAGER, "trainingRuntimeSpec": _patched(pod)}] if pod else None
    return {
        "apiVersion": "trainer.kubeflow.org/v1alpha1",
        "kind": "TrainJob",
        "metadata": _given(name=object_name(job.name), namespace=job.section.namespace),
        "spec": _given(
            runtimeRef={"name": job.section.runtime}, trainer=_trainer(job), runtimePatches=patches
        ),
    }


def _given(**fields: Any) -> dict[str, Any]:
    """The fields that say something."""
    return {name: value for name, value in fields.items() if value}


def object_name(text: str) -> str:
    """A run's id as the name of an object, of which services are made: 63 characters at most."""
    name = re.sub(r"[^a-z0-9-]+", "-", text.lower()).strip("-")
    name = name if name[:1].isalpha() else f"run-{name}".rstrip("-")
    if len(name) > _LONGEST:  # its end tells runs apart
        name = f"{name[: _LONGEST - 21].rstrip('-')}-{name[-20:].lstrip('-')}"
    return name


def _trainer(job: TrainJob) -> dict[str, Any]:
    resources = {name: str(value) for name, value in job.section.resources.items()}
    if job.world.gpus_per_node:
        resources[job.section.gpu_resource] = str(job.world.gpus_per_node)
    return {
        "image": job.section.image,
        "numNodes": job.world.nnodes,
        "numProcPerNode": job.world.nproc_per_node or 1,
        "command": ["sh", "-c", _entry(job), "vlft"],
        "args": [_literal(word) for word in job.command.argv],
        "env": list(_variables(job)),
        **_given(resourcesPerNode=_given(requests=resources, limits=dict(resources))),
    }


def _entry(job: TrainJob) -> str:
    """The shell's part: it renames variables, and becomes the trainer."""
    if not job.rendezvous:
        return 'exec "$@"'
    names = _RENAMED if job.world.nnodes > 1 else ("NPROC_PER_NODE", "MASTER_PORT")
    exports = " ".join(f'{name}="$PET_{name}"' for name in names)
    return f'export {exports}; exec "$@"'


def _literal(text: str) -> str:
    """Kubernetes puts a variable's value in place of `$(NAME)`, and `$` in place of `$$`."""
    return re.sub(r"\$(?=[$(])", "$$", text)


def _variables(job: TrainJob) -> Iterator[dict[str, Any]]:
    for name, value in job.command.env.items():
        yield {"name": name, "value": _literal(value)}
    for name, reference in job.section.secrets.items():
        secret, _, key = reference.partition("/")
        yield {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def _pod(section: Kubernetes) -> dict[str, Any]:
    volumes, mounts = [], []
    for index, volume in enumerate(section.volumes):
        name = f"volume-{index}"
        volumes.append({"name": name, **_source(volume)})
        mounts.append(
            _given(
                name=name,
                mountPath=volume.mount,
                subPath=volume.sub_path,
                readOnly=volume.read_only,
            )
        )
    if section.shared_memory is not None:
        memory = {"medium": "Memory", "sizeLimit": section.shared_memory}
        volumes.append({"name": "shared-memory", "emptyDir": memory})
        mounts.append({"name": "shared-memory", "mountPath": "/dev/shm"})  # noqa: S108 - its only place
    return _given(
        nodeSelector=dict(section.node_selector),
        tolerations=[
            {"operator": "Exists" if one.value is None else "Equal"} | one.given()
            for one in section.tolerations
        ],
        serviceAccountName=section.service_account,
        imagePullSecrets=[{"name": name} for name in section.image_pull_secrets],
        volumes=volumes,
        containers=[{"name": _CONTAINER, "volumeMounts": mounts}] if mounts else None,
    )


def _source(volume: Volume) -> dict[str, Any]:
    if volume.claim is not None:
        return {"persistentVolumeClaim": {"claimName": volume.claim}}
    return {"hostPath": {"path": volume.host_path}}


def _patched(pod: dict[str, Any]) -> dict[str, Any]:
    job = {"name": _CONTAINER, "template": {"spec": {"template": {"spec": pod}}}}
    return {"template": {"spec": {"replicatedJobs": [job]}}}
