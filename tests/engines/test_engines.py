"""What `vlft train` makes of the engine that a config names."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest


def test_the_dry_run_of_slurm_prints_the_script(vlft: Any, write_config: Any) -> None:
    config = write_config("launch: {engine: slurm, gpus: 4, nnodes: 2}\nslurm: {time: 60}\n")
    words = ("train", str(config), "--no-validate", "--dry-run", "--run-id", "x")
    text = vlft(*words, PATH="/usr/bin:/bin").out
    assert text.startswith("#!/bin/bash\n#SBATCH --job-name=x\n")
    assert "#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=1\n#SBATCH --gpus-per-node=4\n" in text
    assert "#SBATCH --time=60\n" in text
    # Slurm chooses the devices.
    assert "CUDA_VISIBLE_DEVICES" not in text
    shown = json.loads(vlft(*words, "--format", "json").out)
    assert (shown["engine"], shown["script"]) == ("slurm", text)
    assert (shown["nodes"], shown["nproc_per_node"], shown["world_size"]) == (2, 4, 8)
    assert shown["command"].endswith("/output/x/job.sbatch")


def test_a_config_for_a_cluster_is_not_judged_by_this_machine(vlft: Any, write_config: Any) -> None:
    config = write_config("launch: {engine: slurm, gpus: 8}\nslurm: {time: 60}\n")
    done = vlft("train", str(config), "--dry-run", "--hardware", "here")
    assert "launch.no-gpu" not in done.err
    named = vlft("train", str(config), "--dry-run", "--hardware", "4xA100-80G")
    assert "launch.no-gpu" in named.err, "a machine that is named is one to judge by"


def test_a_gpu_a_process_is_asked_for_where_only_the_processes_are_counted(
    vlft: Any, write_config: Any
) -> None:
    config = write_config("launch: {engine: slurm, nproc_per_node: 2}\n")
    text = vlft("train", str(config), "--no-validate", "--dry-run").out
    assert "#SBATCH --gpus-per-node=2\n" in text


def test_a_container_trains_with_its_own_swift(vlft: Any, write_config: Any) -> None:
    config = write_config(
        "launch: {engine: slurm, gpus: 2}\nslurm: {container: {image: i, mounts: [/d:/d]}}\n"
    )
    shown = vlft("train", str(config), "--no-validate", "--dry-run", "--run-id", "x").out
    assert "\n    swift sft\n" in shown
    assert "\n    NPROC_PER_NODE=2\n" in shown
    assert "        --container-image=i \\\n" in shown
    assert "/output/x,/d:/d \\\n" in shown


def test_a_job_that_begins_again_is_asked_to_save_first(vlft: Any, write_config: Any) -> None:
    for requeue in ("true", "false"):
        config = write_config(
            f"launch: {{engine: slurm, gpus: none}}\nslurm: {{requeue: {requeue}}}\n"
            "swift: {callbacks: [early_stop], external_plugins: [mine.py]}\n"
        )
        text = vlft("train", str(config), "--no-validate", "--dry-run").out
        asked = requeue == "true"
        assert ("--callbacks early_stop vlft_save_and_end\n" in text) == asked
        assert ("--external_plugins mine.py " in text) == asked
        assert ("--signal=B:USR1@120" in text) == asked
        assert ("--no-requeue" in text) != asked


def test_without_sbatch_nothing_is_submitted(vlft: Any, write_config: Any, tmp_path: Path) -> None:
    config = write_config("launch: {engine: slurm, gpus: none}\n")
    done = vlft("train", str(config), "--no-validate", PATH="/nowhere")
    assert (done.code, "sbatch is not on PATH" in done.err) == (1, True)
    assert not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("first", "second", "flags", "words"),
    [
        ("local", "slurm", (), "name several engines"),
        ("slurm", "slurm", ("--run-id", "x"), "--run-id is for one config"),
        ("slurm", "slurm", ("--node-rank", "1"), "the scheduler numbers the nodes"),
        ("slurm", "slurm", ("--print-node-commands",), "the scheduler starts the nodes"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(
    vlft: Any, write_config: Any, first: str, second: str, flags: tuple[str, ...], words: str
) -> None:
    configs = [
        str(write_config(f"launch: {{engine: {engine}, gpus: none}}\n", f"{index}.yaml"))
        for index, engine in enumerate((first, second))
    ]
    done = vlft("train", *configs, "--no-validate", *flags)
    assert (done.code, words in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("gpus", "caller", "visible"),
    [("none", None, ""), ("[2, 3]", None, "2,3"), ("2", None, "0,1"), ("auto", "5,7", None)],
)
def test_devices_are_chosen_by_their_variable(
    vlft: Any, write_config: Any, gpus: str, caller: str | None, visible: str | None
) -> None:
    config = write_config(f"launch: {{gpus: {gpus}, nproc_per_node: 2}}\n")
    environ = {} if caller is None else {"CUDA_VISIBLE_DEVICES": caller}
    words = ("--no-validate", "--hardware", "none", "--dry-run", "--format", "json")
    shown = json.loads(vlft("train", str(config), *words, **environ).out)
    assert shown["env"].get("CUDA_VISIBLE_DEVICES") == visible
    backend = "--ddp_backend" in shown["argv"]
    assert backend == (gpus == "none"), "gloo on the CPU, ms-swift's own choice elsewhere"


def test_an_ascend_device_is_chosen_by_its_own_variable(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    site = tmp_path / "npu" / "lib" / "python3.11" / "site-packages"
    (site / "swift").mkdir(parents=True)
    (site / "swift" / "__init__.py").touch()
    for name in ("ms_swift-4.6.0", "torch_npu-2.6.0"):
        (site / f"{name}.dist-info").mkdir()
    (tmp_path / "npu" / "pyvenv.cfg").write_text("version = 3.11.7\n")
    (tmp_path / "npu" / "bin").mkdir()
    (tmp_path / "npu" / "bin" / "python").touch(0o755)
    config = write_config("launch: {gpus: [2, 3], python: npu/bin/python}\n")
    shown = vlft("train", str(config), "--no-validate", "--dry-run", "--format", "json")
    env = json.loads(shown.out)["env"]
    assert env["ASCEND_RT_VISIBLE_DEVICES"] == "2,3"
    assert "CUDA_VISIBLE_DEVICES" not in env


def test_ray_gets_its_groups_and_starts_the_processes_itself(vlft: Any, write_config: Any) -> None:
    groups = {"nproc_per_node": 4, "train": {"device": "GPU", "ranks": 4, "workers": ["default"]}}
    config = write_config(
        "launch: {gpus: 4}\ntrain: {global_batch_size: 8}\n"
        f"swift: {{use_ray: true, device_groups: {json.dumps(groups)}}}\n"
    )
    words = ("train", str(config), "--no-validate", "--dry-run", "--format", "json")
    shown = json.loads(vlft(*words, LOCAL_RANK="0", NODE_RANK="1").out)
    argv = shown["argv"]
    assert json.loads(argv[argv.index("--device_groups") + 1]) == groups
    assert argv[argv.index("--use_ray") + 1] == "true"
    assert argv[argv.index("--gradient_accumulation_steps") + 1] == "2"
    assert not {"NNODES", "NPROC_PER_NODE", "MASTER_PORT"} & set(shown["env"])
    assert "-u NODE_RANK" in shown["command"]
    assert "torch.distributed.run" not in argv


TRAINER = """
import os, sys
print(sys.argv[sys.argv.index("--seed") + 1])
sys.exit(sys.argv[sys.argv.index("--seed") + 1] == "1")
"""


def test_several_configs_run_one_after_the_other_and_a_failure_is_told_at_the_end(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    site = tmp_path / "env" / "lib" / "python3.11" / "site-packages"
    (site / "swift" / "cli").mkdir(parents=True)
    (site / "swift" / "__init__.py").touch()
    (site / "swift" / "cli" / "sft.py").write_text(TRAINER)
    (site / "ms_swift-4.6.0.dist-info").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("version = 3.11.7\n")
    (tmp_path / "env" / "bin").mkdir()
    (tmp_path / "env" / "bin" / "python").symlink_to(sys.executable)
    configs = [
        str(
            write_config(
                f"launch: {{gpus: none, python: env/bin/python}}\ntrain: {{seed: {seed}}}\n",
                f"seed-{seed}.yaml",
            )
        )
        for seed in range(3)
    ]
    done = vlft("train", *configs, "--no-validate")
    assert done.code == 3
    assert [Path(line).name[:6] for line in done.out.splitlines()] == ["seed-0", "seed-2"]
    assert "ended with exit code 1" in done.err
    rows = json.loads(vlft("runs", "list", "--format", "json").out)
    assert {row["name"]: row["status"] for row in rows} == {
        "seed-0": "finished",
        "seed-1": "failed",
        "seed-2": "finished",
    }
    dry = json.loads(vlft("train", *configs, "--no-validate", "--dry-run", "--format", "json").out)
    assert [one["engine"] for one in dry] == ["local"] * 3
