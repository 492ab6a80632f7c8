"""The container's command of a TrainJob really runs: two processes here play the two pods."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml


def kubelets_reading(text: str) -> str:
    """`$$` is a dollar; the manifest of this test has no `$(NAME)`."""
    return re.sub(r"\$\$", "$", text)


def test_two_pods_are_one_job_of_two_ranks_each(
    vlft: Any, tiny_config: Any, tmp_path: Path
) -> None:
    launch = "engine: kubernetes, gpus: none, nnodes: 2, nproc_per_node: 2"
    config = tiny_config(
        "kubernetes: {image: i, volumes: [{mount: /, host_path: /}]}\n"
        "env: {ODD: 'a $(PATH) $HOME'}\n",
        steps=2,
        launch=launch,
    )
    printed = vlft("train", str(config), "--run-id", "pods")
    assert printed.code == 0, printed.err
    trainer = yaml.safe_load(printed.out)["spec"]["trainer"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [kubelets_reading(word) for word in (*trainer["command"], *trainer["args"])]
    image = {
        # The image's PATH has swift on it.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
    }
    image |= {one["name"]: kubelets_reading(one["value"]) for one in trainer["env"]}
    assert image["ODD"] == "a $(PATH) $HOME"
    pods = [
        subprocess.Popen(
            words,
            cwd=tmp_path,
            env=image
            | {
                "PET_NNODES": str(trainer["numNodes"]),
                "PET_NPROC_PER_NODE": str(trainer["numProcPerNode"]),
                "PET_NODE_RANK": str(rank),
                "PET_MASTER_ADDR": "127.0.0.1",
                "PET_MASTER_PORT": str(port),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    said = [pod.communicate()[0] for pod in pods]
    assert [pod.returncode for pod in pods] == [0, 0], said[0][-3000:] + said[1][-3000:]
    checkpoints = tmp_path / "output" / "pods" / "checkpoints"
    assert json.loads((checkpoints / "args.json").read_text())["global_world_size"] == 4
    states = {path.name for path in (checkpoints / "checkpoint-2").glob("rng_state_*")}
    assert states == {f"rng_state_{rank}.pth" for rank in range(4)}
