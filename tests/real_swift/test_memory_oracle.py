"""The oracle still says what the committed points say, and DeepSpeed holds what is planned."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from estimate.memory_points import config, points

from vlft.estimate.memory.points import estimate_points
from vlft.estimate.memory.states import Plain, count, fsdp2_states, zero_states
from vlft.estimate.memory.step_spec import RunShape
from vlft.models import shape_of

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {
    "CUDA_VISIBLE_DEVICES": "",
    "OMP_NUM_THREADS": "1",
    "PYTHONPATH": str(ROOT),
    "PYTHON": sys.executable,
}


def measured(rows, folder):
    given, made = folder / "given.json", folder / "made.jsonl"
    given.write_text(json.dumps(rows))
    subprocess.run(
        [ROOT / "scripts/memory_oracle", given, "--output", made],
        check=True,
        capture_output=True,
        env=ENVIRONMENT,
    )
    return [json.loads(line) for line in made.read_text().splitlines()]


def test_the_oracle_measures_what_the_points_say(tmp_path):
    # Liger's last: it changes the classes of transformers for the rest of the process.
    names = {"given": 26, "fresh": 1, "extended": 1, "tiles": 1, "liger": 3}
    rows = [points(name)[index] for name, index in names.items()]
    for row, again in zip(rows, measured(rows, tmp_path), strict=True):
        assert again["peak_bytes"] == pytest.approx(row["peak_bytes"], rel=1e-4)
        assert again["n_params"] == row["n_params"]
        assert again["n_trainable"] == row["n_trainable"]


def mixture():
    """Qwen3-VL-MoE, few layers of it."""
    dense = config("Qwen3-VL-8B")
    text = dense["text_config"] | {
        "model_type": "qwen3_vl_moe_text",
        "num_hidden_layers": 3,
        "hidden_size": 1024,
        "num_experts": 16,
        "num_experts_per_tok": 4,
        "moe_intermediate_size": 512,
        "mlp_only_layers": [1],
        "decoder_sparse_step": 1,
    }
    vision = dense["vision_config"] | {"model_type": "qwen3_vl_moe", "out_hidden_size": 1024}
    return dense | {
        "model_type": "qwen3_vl_moe",
        "text_config": text,
        "vision_config": vision,
    }


def test_a_mixture_of_experts(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(mixture()))
    row = {**points("given")[4], "model_dir": str(tmp_path)}
    (again,) = measured([row], tmp_path)
    shape = shape_of(mixture())
    assert shape is not None
    (estimated,) = estimate_points([row])
    assert count(shape).parameters + again["n_trainable"] == again["n_params"]
    assert estimated["parameters"] == again["n_params"]
    assert estimated["trainable_parameters"] == again["n_trainable"]
    assert estimated["allocated_peak"] == pytest.approx(again["peak_bytes"], rel=0.01)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def bytes_of_two(program, argument):
    """By moment and type, of rank 0 of two."""
    port = str(free_port())
    ranks = [
        subprocess.Popen(
            [sys.executable, "-m", f"tools.memory_oracle.{program}", argument],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT
            | {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
            | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
        )
        for rank in range(2)
    ]
    outputs = [rank.communicate() for rank in ranks]
    assert ranks[0].returncode == 0, outputs[0][1]
    return json.loads(outputs[0][0].splitlines()[-1])


def plain(base, trained, *, lora):
    """The model states of what the two programs train."""
    width = 64
    return Plain(
        parameters=base + trained,
        trainable=trained,
        hidden=width,
        layer_bytes=2 * width**2,
        table_bytes=0,
        weights=2 * base if lora else 2 * trained,
        adapters=4 * trained if lora else 0,
        gradients=4 * trained if lora else 2 * trained,
        moments=8 * trained if lora else 4 * trained,
    )


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_deepspeed_holds_what_is_planned(stage):
    pytest.importorskip("deepspeed")
    seen = bytes_of_two("zero", str(stage))
    width = 64
    run = RunShape(tokens=4, lora=False, sharding=f"zero{stage}", world_size=2)
    planned = zero_states(plain(0, seen["parameters"], lora=False), run)
    bucket = 2 * width**2  # of this test's config; ms-swift's preset has a larger one
    held = planned.weights + planned.gradients
    assert seen["step"]["torch.float32"] == pytest.approx(planned.optimizer, rel=0.01)
    if stage == 3:
        gathered = planned.buffers + held
        assert seen["forward"]["torch.bfloat16"] == pytest.approx(gathered, rel=0.05)
    # Stage 0 adds the gradients up in a bucket that is gone afterwards.
    left = held + (bucket if stage else 0)
    assert seen["backward"]["torch.bfloat16"] == pytest.approx(left, rel=0.01)


@pytest.mark.parametrize("tuner", ["full", "lora"])
def test_fsdp2_holds_what_is_planned(tuner):
    pytest.importorskip("accelerate")
    seen = bytes_of_two("fsdp", tuner)
    lora = tuner == "lora"
    run = RunShape(tokens=4, lora=lora, sharding="fsdp2", world_size=2)
    planned = fsdp2_states(plain(seen["base"], seen["trained"], lora=lora), run)
    held = planned.weights + planned.adapters + planned.optimizer
    assert sum(seen["step"].values()) == pytest.approx(held, rel=0.01)
    after = sum(seen["backward"].values())
    assert after == pytest.approx(held + planned.gradients, rel=0.01)
