"""Ray for real on a CPU, with an environment and a network of its own: scripts/test-ray."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.ms_swift import PROGRAMS
from support.ms_swift.trials import Trial, only_run, steps_and_losses
from support.waiting import wait_for

from vlft.pipeline import prepare

PYTHON = os.environ.get("VLFT_RAY", "")
pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(not PYTHON, reason="scripts/test-ray makes the environment"),
]
JUDGE = PROGRAMS / "ray_judge.py"


def group(device: Any = "GPU", ranks: Any = 4, workers: Any = ("default",)) -> dict[str, Any]:
    workers = list(workers) if isinstance(workers, tuple) else workers
    return {"device": device, "ranks": ranks, "workers": workers}


def groups(*given: Any, nproc: Any = 4, **more: Any) -> dict[str, Any]:
    return {"nproc_per_node": nproc, **more} | {f"g{i}": one for i, one in enumerate(given)}


TWO = group(ranks=2)
OTHER = ("sampler",)
RANKS = [
    4, 1, "2", 3.0, True, [1, 3], [3], 0, -1, "-1", [], None, {}, {"a": 1}, [0, 0], ["a"], [[0]],
    [4, 5, 6, 7], [-1], [0, 4], "range(2)", "range(2, 4)", "range(0, 4, 2)", "list(range(0, 4))",
    "[0, 1]", "(0, 1)", "", "x", "list", "4 of them", "[a]", "[]", "range(0)", "['0']", "None",
    "range(a)",
]  # fmt: skip
FORMS: list[Any] = [
    *(groups(group(ranks=ranks)) for ranks in RANKS),
    *(groups(group(ranks=1), nproc=n) for n in (4.0, 2.7, True, "4", 0, -1, None, "many", [4])),
    *(groups(group(device=d)) for d in ("gpu", "CPU", "cpu", "TPU", "", 3, None)),
    *(groups(TWO, group("CPU", ranks, OTHER)) for ranks in (0, 1, True, "1", [0], None)),
    *(groups(group(workers=w)) for w in ("default", (), ("a",), ("a", "default"), ("default", 3))),
    {"g": group()},
    groups(),
    [],
    4,
    groups({"device": "GPU"}),
    groups(4),
    groups(group(), nnodes=1),
    groups(group(), nnodes="1"),
    groups(group(), more=7),
    groups(group("CPU", 1), group(ranks=1, workers=OTHER)),
    groups(TWO, group("cpu", 1, OTHER)),
    groups(TWO, group("GPU", 2, OTHER)),
    groups(group("GPU", 2, OTHER), TWO),
    groups(group(ranks=[0, 1]), group("GPU", [1, 2], OTHER)),
    groups(group(ranks=[2, 3]), group("GPU", 2, OTHER)),
    groups(TWO, group("NPU", 2, OTHER)),
    groups(TWO, group("GPU", 2, None)),
    groups(TWO, TWO),
]


def judged(asked: list[Any], *, real: bool = False, **resources: int) -> list[Any]:
    """What the real ms-swift says of each, on a machine of 8 cores with such devices."""
    done = subprocess.run(
        [PYTHON, JUDGE],
        input=json.dumps([{"groups": one, "real": real} for one in asked]),
        env=os.environ
        | {"RAY_OVERRIDE_RESOURCES": json.dumps({"CPU": 8} | resources), "OMP_NUM_THREADS": "1"}
        | {"RAY_ADDRESS": "local"}
        | {"CUDA_VISIBLE_DEVICES": "0,1,2,3"[: 2 * resources.get("GPU", 0)]},
        capture_output=True,
        text=True,
        check=True,
    )
    return list(json.loads(done.stdout.splitlines()[-1]))


def test_what_is_an_error_fails_and_what_is_none_is_taken(write_config: Any) -> None:
    wrong = {}
    for form, verdict in zip(FORMS, judged(FORMS, GPU=4), strict=True):
        config = write_config(
            "launch: {gpus: none}\nswift: " + json.dumps({"use_ray": True, "device_groups": form})
        )
        found = prepare(config, environ={"RAY_ADDRESS": "auto"}).findings
        errors = [one.message for one in found if one.rule == "ray.groups"]
        if isinstance(verdict, str) != bool(errors):
            wrong[json.dumps(form)] = (verdict, errors)
        counted = [one for one in found if one.rule == "ray.processes"]
        if isinstance(verdict, list) and bool(counted) != (len(verdict) != 1):
            wrong[json.dumps(form)] = (len(verdict), counted)
    assert wrong == {}


def test_a_worker_is_told_the_gpu_of_its_rank() -> None:
    (told,) = judged([groups(group(ranks=[1, 3]))], real=True, GPU=4)
    assert [one["CUDA_VISIBLE_DEVICES"] for one in told] == ["1", "3"]
    assert [(one["RANK"], one["LOCAL_RANK"]) for one in told] == [("0", "0"), ("1", "0")]
    (refused,) = judged([groups(group("NPU", 2), nproc=2)], real=True, NPU=2)
    assert "'GPU': 0.01} cannot fit" in refused


LOCAL = ("--node-ip-address=127.0.0.1", "--include-dashboard=false")
CLUSTER = "gpus: none, nproc_per_node: 2"
GROUPS = "device_groups: {nproc_per_node: 2, g: {device: GPU, ranks: 2, workers: [default]}}"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Ray with two GPUs that it believes in."""
    words = ["start", "--head", "--block", "--num-gpus=2", "--num-cpus=8", "--port=6379"]
    log = tmp_path / "ray.txt"
    with log.open("w") as out:
        head = subprocess.Popen(
            [Path(PYTHON).with_name("ray"), *words, *LOCAL],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
    try:
        wait_for(lambda: "Ray runtime started" in log.read_text(), "Ray")
        monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")
        yield
    finally:
        family = psutil.Process(head.pid).children(recursive=True)
        head.terminate()
        head.wait()
        psutil.wait_procs(family)


def workers() -> list[psutil.Process]:
    """Ray's processes that train."""
    return [one for one in psutil.process_iter(["cmdline"]) if _trains(one.info["cmdline"])]


def _trains(words: list[str] | None) -> bool:
    return bool(words) and "ray::SwiftSft" in " ".join(words or [])


def with_ray(write: Any, launch: str, ray: str = GROUPS, steps: int = 4) -> Path:
    file = write(steps=steps, launch=f"{launch}, python: {PYTHON}")
    file.write_text(
        file.read_text().replace("logging_steps", f"use_ray: true, {ray}, logging_steps")
    )
    return Path(file)


def test_two_workers_of_a_cluster_train_together(
    vlft: Any, tiny_config: Any, cluster: None, tmp_path: Path
) -> None:
    config = with_ray(tiny_config, CLUSTER)
    checked = vlft("validate", str(config), "--format", "json")
    assert checked.code == 0, checked.out
    done = vlft("train", str(config), "--format", "json")
    assert done.code == 0, done.err
    run = Path(json.loads(done.out)["output_dir"])
    losses = steps_and_losses(run)
    assert list(losses) == [1, 2, 3, 4]
    assert losses[4] < losses[1] / 2
    args = json.loads((run / "checkpoints" / "args.json").read_text())
    assert args["global_world_size"] == 2
    assert len(only_run(tmp_path).whole_checkpoints) == 2
    wait_for(lambda: not workers(), "the end of the workers")


def test_a_cluster_loses_the_workers_of_a_run_that_is_stopped(
    tiny_config: Any, vlft: Any, cluster: None, tmp_path: Path
) -> None:
    trial = Trial("train", with_ray(tiny_config, CLUSTER, steps=5000), cwd=tmp_path)
    trains(tmp_path)
    assert len(workers()) == 2
    assert vlft("runs", "stop", str(only_run(tmp_path).folder)).code == 0
    assert trial.end()[0] == 143
    wait_for(lambda: not workers(), "the end of the workers")


def trains(cwd: Path) -> None:
    """Waits for the first step."""
    logs = "output/*/checkpoints/logging.jsonl"
    wait_for(lambda: any(cwd.glob(logs)), "the first step")


@pytest.mark.parametrize("how", ["runs stop", "terminated", "killed"])
def test_nothing_of_ray_is_left(
    how: str, tiny_config: Any, vlft: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", '{"CPU": 8, "GPU": 1}')
    monkeypatch.setenv("RAY_ADDRESS", "local")  # an ended cluster's is noted in RAY_TMPDIR
    one = "device_groups: {nproc_per_node: 1, g: {device: GPU, ranks: 1, workers: [default]}}"
    cpu = "use_cpu: true, torch_dtype: float32, fp16: false, bf16: false"
    file = with_ray(tiny_config, "gpus: [0], nproc_per_node: 1", f"{one}, {cpu}", steps=5000)
    trial = Trial("train", file, "--no-validate", cwd=tmp_path)
    trains(tmp_path)
    names = " ".join(process.name() for process in trial.processes())
    assert "raylet" in names
    assert "gcs_server" in names
    if how == "runs stop":
        assert vlft("runs", "stop", str(only_run(tmp_path).folder)).code == 0
    else:
        trial.vlft.send_signal(signal.SIGTERM if how == "terminated" else signal.SIGKILL)
    code, _ = trial.end()
    assert code == (-9 if how == "killed" else 143)
    assert workers() == []


def test_pt_trains_without_ray(vlft: Any, tiny_config: Any) -> None:
    config = with_ray(tiny_config, CLUSTER)
    config.write_text("task: pt\n" + config.read_text())
    assert "does not look at `use_ray`" in vlft("validate", str(config)).out
    done = vlft("train", str(config), "--format", "json")
    assert done.code == 0, done.err
    run = Path(json.loads(done.out)["output_dir"])
    args = json.loads((run / "checkpoints" / "args.json").read_text())
    assert args["global_world_size"] == 2
    assert "Ray instance" not in (run / "stderr.log").read_text()
