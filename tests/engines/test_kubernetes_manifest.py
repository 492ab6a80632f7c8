"""The TrainJob on stdout, by Kubeflow's own types and by Kubernetes' schemas."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kubeflow_trainer_api.models.trainer_v1alpha1_train_job import TrainerV1alpha1TrainJob
from msgspec.structs import replace

from vlft.engines.kubernetes.engine import TrainJob, object_name, render_train_job
from vlft.engines.kubernetes.section import Kubernetes, Toleration, Volume
from vlft.plan import MaskedCommand
from vlft.resolve.world import World

GOLDEN = Path(__file__).with_name("golden")

PLAIN = TrainJob(
    name="digits-20260131-120000-ab12",
    section=Kubernetes(image="registry/vlft:1"),
    command=MaskedCommand(("swift", "sft", "--model", "/models/m"), {"MAX_PIXELS": "200704"}),
    world=World(nnodes=1, nproc_per_node=1, gpus_per_node=0, visible_devices=None, cpu=True),
    rendezvous=False,
)
FULL = TrainJob(
    name="digits-20260131-120000-ab12",
    section=Kubernetes(
        image="registry/vlft:1",
        namespace="team",
        resources={"cpu": 32, "memory": "256Gi"},
        shared_memory="16Gi",
        volumes=[
            Volume(mount="/models", claim="models", read_only=True),
            Volume(mount="/runs", claim="scratch", sub_path="runs"),
            Volume(mount="/data", host_path="/mnt/data"),
        ],
        node_selector={"gpu": "h100"},
        tolerations=[Toleration(key="gpu"), Toleration(key="a", value="b", effect="NoSchedule")],
        service_account="trainer",
        secrets={"HF_TOKEN": "hugging-face/token"},
        image_pull_secrets=["registry"],
    ),
    command=MaskedCommand(
        ("swift", "sft", "--system", "a $(HOME) 'b'\né", "--model", "/models/m"),
        {"ODD": "$(PATH) $HOME"},
    ),
    world=World(nnodes=2, nproc_per_node=8, gpus_per_node=8, visible_devices=None, cpu=False),
    rendezvous=True,
)


def expanded(text: str) -> str:
    """What a kubelet makes of a word where every variable is known and empty."""
    made, at = "", 0
    while at < len(text):
        if text[at : at + 2] == "$$":
            made, at = made + "$", at + 2
        elif text[at : at + 2] == "$(" and ")" in text[at:]:
            at = text.index(")", at) + 1
        else:
            made, at = made + text[at], at + 1
    return made


JOBS = {"plain": PLAIN, "full": FULL}


def as_text(job: TrainJob) -> str:
    return yaml.safe_dump(render_train_job(job), sort_keys=False, allow_unicode=True, width=100)


@pytest.mark.parametrize("name", JOBS)
def test_the_manifest_is_the_one_in_the_golden_file(name: str) -> None:
    file = GOLDEN / f"{name}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(as_text(JOBS[name]))
    assert as_text(JOBS[name]) == file.read_text()


@pytest.mark.parametrize("name", JOBS)
def test_kubeflow_knows_every_key_and_its_type(name: str) -> None:
    manifest = render_train_job(JOBS[name])
    # Its types drop what they don't know: the same must come back.
    assert TrainerV1alpha1TrainJob.from_dict(manifest).to_dict() == manifest


def test_a_key_that_kubeflow_does_not_know_would_be_seen() -> None:
    manifest = render_train_job(PLAIN)
    manifest["spec"]["trainer"]["numProcesses"] = 1
    assert TrainerV1alpha1TrainJob.from_dict(manifest).to_dict() != manifest


def pod_of(job: TrainJob) -> dict[str, Any]:
    """The pod that Kubeflow would make, as far as the manifest decides it."""
    spec = render_train_job(job)["spec"]
    trainer = spec["trainer"]
    pod: dict[str, Any] = {}
    for patch in spec.get("runtimePatches", ()):
        (replicated,) = patch["trainingRuntimeSpec"]["template"]["spec"]["replicatedJobs"]
        pod = replicated["template"]["spec"]["template"]["spec"]
    container = {key: trainer[key] for key in ("image", "command", "args", "env")}
    if "resourcesPerNode" in trainer:
        container["resources"] = trainer["resourcesPerNode"]
    (patched,) = pod.get("containers", [{"name": "node"}])
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": object_name(job.name)},
        "spec": pod | {"containers": [container | patched]},
    }


@pytest.mark.parametrize("name", JOBS)
def test_kubernetes_takes_the_pod(name: str) -> None:
    kubernetes_validate.validate(pod_of(JOBS[name]), "1.33", strict=True)


def test_kubernetes_would_refuse_another_pod() -> None:
    pod = pod_of(FULL)
    pod["spec"]["tolerations"][0]["taint"] = "x"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pod, "1.33", strict=True)


def test_the_shell_of_the_container_renames_what_kubeflow_sets() -> None:
    trainer = render_train_job(FULL)["spec"]["trainer"]
    *shell, name = trainer["command"]
    given = {
        "PET_NNODES": "2",
        "PET_NPROC_PER_NODE": "8",
        "PET_NODE_RANK": "1",
        "PET_MASTER_ADDR": "job-node-0-0.job",
        "PET_MASTER_PORT": "29400",
    }
    done = subprocess.run(
        [*shell, name, "env", "-0"],
        env=given | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    env = dict(line.partition("=")[::2] for line in done.stdout.split("\0"))
    assert {name: env[name.removeprefix("PET_")] for name in given} == given


@given(st.text("a$(){} "))
def test_kubernetes_gives_every_word_back(text: str) -> None:
    job = replace(PLAIN, command=MaskedCommand((text,), {"A": text}))
    trainer = render_train_job(job)["spec"]["trainer"]
    assert expanded(trainer["args"][0]) == text
    assert expanded(trainer["env"][0]["value"]) == text


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("digits-20260131-120000-ab12", "digits-20260131-120000-ab12"),
        ("My_Run.v2", "my-run-v2"),
        ("7b-lora", "run-7b-lora"),
        ("é", "run"),
        ("a" * 60 + "-20260131-120000-ab12", "a" * 27 + "-20260131-120000-ab12"),
    ],
)
def test_a_run_has_a_name_that_services_can_have(run: str, name: str) -> None:
    made = object_name(run)
    assert made == name
    assert len(made) <= 48


def test_train_prints_it_and_makes_no_run(vlft: Any, write_config: Any, tmp_path: Path) -> None:
    config = write_config(
        "launch: {engine: kubernetes, gpus: 8, nnodes: 2}\n"
        "kubernetes: {image: i, volumes: [{mount: /, claim: disk}]}\n"
    )
    done = vlft("train", str(config), "--no-validate")
    assert done.code == 0, done.err
    manifest = yaml.safe_load(done.out)
    assert TrainerV1alpha1TrainJob.from_dict(manifest).to_dict() == manifest
    trainer = manifest["spec"]["trainer"]
    assert (trainer["numNodes"], trainer["numProcPerNode"]) == (2, 8)
    assert trainer["resourcesPerNode"]["limits"] == {"nvidia.com/gpu": "8"}
    assert trainer["args"][:2] == ["swift", "sft"]
    assert not (tmp_path / "output").exists()
    assert yaml.safe_load(vlft("train", str(config), "--no-validate", "--dry-run").out)


def test_a_secret_is_never_printed(vlft: Any, write_config: Any) -> None:
    config = write_config(
        "launch: {engine: kubernetes, gpus: none}\nkubernetes: {image: i}\n"
        "env: {HF_TOKEN: hf_secret}\n"
    )
    for flags in ((), ("--no-validate",)):
        done = vlft("train", str(config), *flags)
        assert (done.code, "hf_secret" in done.out) == (1, False)
        assert "kubernetes.secrets" in done.err
