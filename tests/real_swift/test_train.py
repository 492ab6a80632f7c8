"""A config becomes a real `swift sft` run, and the run can be asked."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

SECRET = "hf_0123456789abcdef"


def losses(run: Path) -> list[float]:
    lines = (run / "checkpoints" / "logging.jsonl").read_text().splitlines()
    return [row["loss"] for row in map(json.loads, lines) if "loss" in row]


def test_lora_on_one_process_from_config_to_answers(
    vlft: Any, tiny_config: Any, colors: Path, tmp_path: Path
) -> None:
    config = tiny_config(f"env: {{MY_TOKEN: {SECRET}, FLAVOUR: plain}}  # not {SECRET}\n", steps=8)
    prompt = ("--set", "swift.system=Answer in a word.")
    secret = ("--set", f"swift.swanlab_token={SECRET}")
    done = vlft("train", str(config), "--format", "json", *prompt, *secret)
    assert done.code == 0, done.err
    row = json.loads(done.out)
    run = Path(row["output_dir"])
    assert (row["status"], row["exit_code"], row["name"]) == ("finished", 0, "tiny")
    assert run.parent == tmp_path / "output"
    assert [Path(path).name for path in row["checkpoints"]] == [
        "checkpoint-2",
        "checkpoint-4",
        "checkpoint-6",
        "checkpoint-8",
    ]

    # It learnt something, and the progress went to stderr as plain lines.
    assert len(losses(run)) == 8
    assert losses(run)[-1] < losses(run)[0] / 2
    assert "step 8/8" in done.err

    # ms-swift was given what the config says.
    args = json.loads((run / "checkpoints" / "args.json").read_text())
    assert (args["learning_rate"], args["per_device_train_batch_size"]) == (1e-2, 1)
    assert (args["gradient_accumulation_steps"], args["system"]) == (4, "Answer in a word.")

    # The record is whole, and the secret is nowhere in the run's folder.
    record = json.loads((run / "run.json").read_text())
    assert record["env"]["MAX_PIXELS"] == "12544"
    assert record["env"]["MY_TOKEN"] == "***"
    assert {"vlft", "python", "ms-swift", "torch", "transformers", "peft"} <= set(
        record["versions"]
    )
    (data,) = record["data"]
    assert (data["path"], data["bytes"]) == (str(colors), colors.stat().st_size)
    texts = [path.read_bytes() for path in run.rglob("*") if path.is_file()]
    assert not any(SECRET.encode() in text for text in texts)
    assert "FLAVOUR: plain" in (run / "config.yaml").read_text()

    # The run is found by a part of its id, and answers with its own limits and prompt.
    (listed,) = json.loads(vlft("runs", "list", "--format", "json").out)
    assert listed["id"] == run.name
    asked = vlft(
        "infer",
        run.name[:-2],
        "--data",
        str(colors),
        "--format",
        "json",
        "--max-new-tokens",
        "4",
        "--batch-size",
        "8",
    )
    assert asked.code == 0, asked.err
    answers = [json.loads(line) for line in asked.out.splitlines()]
    assert [answer["row"] for answer in answers] == list(range(1, 25))
    assert [answer["answer"] for answer in answers[:3]] == ["red", "green", "blue"]
    (work,) = (run / "infer").iterdir()
    kept = [json.loads(line) for line in (work / "predictions.jsonl").read_text().splitlines()]
    assert kept == answers
    assert "Answer in a word." in (work / "stderr.log").read_text(), "the prompt of training"


def test_the_dry_runs_line_is_the_run(vlft: Any, tiny_config: Any) -> None:
    line = vlft("train", str(tiny_config(steps=2)), "--dry-run").out
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    folder = Path(line.split("--output_dir ")[1].split()[0])
    assert (folder / "checkpoint-2" / "adapter_model.safetensors").is_file()


def test_two_processes_with_a_share_for_evaluation_then_resumed(
    vlft: Any, tiny_config: Any
) -> None:
    config = tiny_config("tuner: full\n", launch="gpus: none, nproc_per_node: 2")
    words = ["--set", "data.val=0.25", "--set", "train.eval_steps=2", "--format", "json"]
    done = vlft("train", str(config), *words)
    assert done.code == 0, done.err
    run = Path(json.loads(done.out)["output_dir"])
    args = json.loads((run / "checkpoints" / "args.json").read_text())
    assert (args["global_world_size"], args["ddp_backend"]) == (2, "gloo")
    assert (args["gradient_accumulation_steps"], args["split_dataset_ratio"]) == (2, 0.25)
    log = (run / "checkpoints" / "logging.jsonl").read_text()
    assert "eval_loss" in log

    first = run / "checkpoints" / "checkpoint-4"
    again = vlft("train", str(config), *words, "--set", f"train.resume_from_checkpoint={first}")
    assert again.code == 0, again.err
    resumed = Path(json.loads(again.out)["output_dir"])
    assert resumed != run
    steps = [
        row["global_step/max_steps"]
        for row in map(
            json.loads, (resumed / "checkpoints" / "logging.jsonl").read_text().splitlines()
        )
        if "loss" in row
    ]
    assert steps[0] == "5/6"


def test_a_failing_trainer_is_exit_3_with_its_last_error(
    vlft: Any, tiny_config: Any, tiny_model: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "Qwen2-VL-2B-Instruct"
    broken.mkdir()
    for file in tiny_model.iterdir():
        (broken / file.name).symlink_to(file)
    (broken / "model.safetensors").unlink()
    (broken / "model.safetensors").write_bytes(b"not weights")
    config = str(tiny_config())
    done = vlft("train", config, "--set", f"model.path={broken}", "--no-validate")
    assert done.code == 3
    assert "Traceback" not in done.err
    assert "SafetensorError" in done.err or "afetensors" in done.err
    assert "stderr.log" in done.err
    (row,) = json.loads(vlft("runs", "list", "--format", "json").out)
    assert (row["status"], row["exit_code"]) == ("failed", 1)


def test_two_nodes_share_one_run(vlft: Any, tiny_config: Any, tmp_path: Path) -> None:
    """Two vlft on this machine play two nodes; only for that is the loopback address taken."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launch = f"gpus: none, nnodes: 2, master_addr: 127.0.0.1, master_port: {port}"
    config = str(tiny_config(launch=launch))
    refused = vlft("train", config, "--no-validate")
    assert (refused.code, "--run-id" in refused.err) == (1, True)

    words = [sys.executable, "-m", "vlft", "train", config, "--no-validate", "--run-id", "both"]
    nodes = [
        subprocess.Popen([*words, "--node-rank", str(rank)], cwd=tmp_path, stderr=subprocess.PIPE)
        for rank in (0, 1)
    ]
    said = [node.communicate()[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], said
    run = tmp_path / "output" / "both"
    args = json.loads((run / "checkpoints" / "args.json").read_text())
    assert (args["global_world_size"], args["gradient_accumulation_steps"]) == (2, 2)
    assert (run / "checkpoints" / "checkpoint-6").is_dir()
    for folder in (run, run / "node-1"):
        assert json.loads((folder / "outcome.json").read_text())["status"] == "finished"
    (row,) = json.loads(vlft("runs", "list", "--format", "json").out)
    assert row["id"] == "both"
