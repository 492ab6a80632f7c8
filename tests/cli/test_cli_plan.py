"""`vlft plan`: the figures of a run before it starts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from examples.checkpoint_folders import QWEN2_VL, SIZES

from vlft.files import write_json
from vlft.runs.record import remember

GIB = 1024**3


@pytest.fixture
def seven(tmp_path: Path, make_model: Any) -> Any:
    """Writes a config for a Qwen2-VL-7B and 1,000 rows of text."""
    make_model(tmp_path / "Qwen2-VL-7B-Instruct", QWEN2_VL | SIZES)
    row = {"messages": [{"role": "user", "content": "ab"}, {"role": "assistant", "content": "c"}]}
    (tmp_path / "rows.jsonl").write_text((json.dumps(row) + "\n") * 1000)

    def write(extra: str = "", train: str = "global_batch_size: 32") -> str:
        (tmp_path / "c.yaml").write_text(
            "model: {path: Qwen2-VL-7B-Instruct}\n"
            "data: {train: [rows.jsonl], max_length: 2048}\n"
            "pixels: {max: 1024*28*28}\n"
            f"train: {{{train}}}\n" + extra
        )
        return "c.yaml"

    return write


def planned(done: Any) -> dict[str, Any]:
    assert done.out.startswith("{"), done.err
    return dict(json.loads(done.out))


def test_the_figures_of_a_run(vlft: Any, seven: Any) -> None:
    done = vlft("plan", seven(), "--hardware", "4xA100-80G", "--data", "none", "--format", "json")
    assert done.code == 0, done.err
    found = planned(done)
    assert found["batch"] == {
        "global": 32,
        "per_device": 1,
        "gradient_accumulation_steps": 8,
        "world_size": 4,
    }
    assert found["steps"] == {"per_epoch": 32, "total": 96, "warmup": 0}
    assert found["tokens"] is None
    memory = found["memory"]
    # Qwen2-VL-7B as published, and LoRA of rank 8 on all linear layers of the language model.
    assert memory["parameters"] - memory["trainable_parameters"] == 8_291_375_616
    assert memory["trainable_parameters"] == 20_185_088
    parts = memory["per_gpu_bytes"]
    whole = ("weights", "adapters", "gradients", "optimizer", "activations", "logits", "buffers")
    assert sum(parts[name] for name in whole) == parts["allocated_peak"]
    assert parts["allocated_peak"] <= parts["reserved_low"] <= parts["reserved_high"]
    assert memory["fits"] is True
    assert memory["row"] == {"tokens": 2048, "vision_tokens": 1024, "measured": False}
    # Adapters in float32 with AdamW's two values each; every 500 steps, so only at the end.
    assert found["disk"]["checkpoint_bytes"] == 12 * 20_185_088
    assert found["disk"]["checkpoints"] == 1


def test_the_rows_are_measured_where_that_is_quick(vlft: Any, seven: Any) -> None:
    found = planned(vlft("plan", seven(), "--hardware", "A100-80G", "--format", "json"))
    tokens = found["tokens"]
    assert tokens["rows"] == 1000
    assert tokens["max"] == tokens["p50"] > 0
    assert tokens["over_max_length"] == 0
    assert found["memory"]["row"]["measured"] is True


def test_without_a_machine_the_world_is_unknown(vlft: Any, seven: Any) -> None:
    found = planned(vlft("plan", seven("deepspeed: zero3\n"), "--format", "json"))
    assert found["batch"]["world_size"] is None
    assert found["memory"] is None
    assert any("--hardware 4xA100-80G" in why for why in found["unknown"])


def test_what_does_not_fit_is_said_with_the_figures(vlft: Any, seven: Any) -> None:
    done = vlft("plan", seven("tuner: full\n"), "--hardware", "A100-40G", "--format", "json")
    assert done.code == 1
    found = planned(done)
    assert [finding["rule"] for finding in found["findings"]] == ["memory.does-not-fit"]
    assert found["memory"]["fits"] is False
    text = vlft("plan", seven("tuner: full\n"), "--hardware", "A100-40G")
    assert "does not fit a GPU of 40.0 GiB" in text.out


def test_settings_that_fit_keep_the_global_batch(vlft: Any, seven: Any, tmp_path: Path) -> None:
    config = seven("tuner: full\n")
    words = ("--hardware", "8xA100-80G", "--fit", "--format", "json", "--data", "none")
    found = planned(vlft("plan", config, *words, "--write", "fitting.yaml"))
    choices = found["fitting"]
    assert 1 <= len(choices) <= 5
    speeds = [choice["relative_speed"] for choice in choices]
    assert speeds == sorted(speeds, reverse=True)
    for choice in choices:
        assert (choice["reserved_low"] + choice["reserved_high"]) / 2 <= 80 * GIB
        rows = {key: int(value) for key, value in (
            setting.partition("=")[::2] for setting in choice["set"]
        ) if key.endswith(("_size", "_steps"))}  # fmt: skip
        assert (
            8
            * rows["train.per_device_train_batch_size"]
            * rows["train.gradient_accumulation_steps"]
            == 32
        )
    again = planned(
        vlft("plan", "fitting.yaml", "--hardware", "8xA100-80G", "--format", "json",
             "--data", "none")
    )  # fmt: skip
    assert again["memory"]["fits"] is True
    assert again["memory"]["per_gpu_bytes"]["allocated_peak"] == choices[0]["allocated_peak"]
    assert yaml.safe_load((tmp_path / "fitting.yaml").read_text())["extends"] == "c.yaml"


def test_nothing_fits_a_card_that_is_too_small(vlft: Any, seven: Any) -> None:
    done = vlft("plan", seven("tuner: full\n"), "--hardware", "2G", "--fit", "--data", "none")
    assert done.code == 1
    assert "nothing fits" in done.out


def test_the_time_is_an_earlier_runs(vlft: Any, seven: Any, tmp_path: Path) -> None:
    config = seven("launch: {gpus: 1}\n")
    words = ("--hardware", "A100-80G", "--data", "none")
    assert planned(vlft("plan", config, *words, "--format", "json"))["time"] == {
        "seconds": None,
        "seconds_per_step": None,
        "measured_on": None,
    }
    # What a run of the same work leaves behind; another learning rate takes no other time.
    from vlft.pipeline import look_at_hardware, prepare

    plan = prepare(
        tmp_path / config, ["train.learning_rate=3e-4"], look_at_hardware("A100-80G")
    ).plan
    assert plan is not None
    run = tmp_path / "output" / "earlier-run"
    (run / "checkpoints").mkdir(parents=True)
    write_json(run / "run.json", {"started": "2026-01-01T00:00:00+00:00"})
    write_json(run / "plan.json", plan.to_json())
    log = {"global_step/max_steps": "9/9", "train_speed(s/it)": 2.5}
    (run / "checkpoints" / "logging.jsonl").write_text(json.dumps(log) + "\n")
    remember(run)
    done = vlft("plan", config, *words)
    steps = int(re.search(r"steps\s+([\d,]+)", done.out)[1].replace(",", ""))  # type: ignore[index]
    minutes, seconds = divmod(round(steps * 2.5), 60)
    assert f"{minutes} min {seconds} s at 2.5 s a step, as in earlier-run" in done.out
    changed = planned(
        vlft("plan", config, *words, "--set", "data.max_length=1024", "--format", "json")
    )
    assert changed["time"]["seconds"] is None


def test_points_are_estimated_from_a_file(vlft: Any, seven: Any, tmp_path: Path) -> None:
    seven()
    point = {
        "model_dir": str(tmp_path / "Qwen2-VL-7B-Instruct"), "batch": 1, "seq": 1497,
        "text": 128, "vis_tokens": 1369, "patches": 5476, "grid": [74, 74], "tiles": 0,
        "ckpt": True, "vit_ckpt": True, "lora": True, "rank": 8, "dropout": 0.05,
        "freeze_vit": True, "freeze_aligner": True, "n_logits": None, "ga": 1, "lora_dtype": None,
    }  # fmt: skip
    (tmp_path / "points.jsonl").write_text(json.dumps(point) + "\n")
    (found,) = json.loads(vlft("plan", "--from", "points.jsonl", "--format", "json").out)
    assert found["parameters"] == 8_291_375_616 + found["trainable_parameters"]
    # The real model under a simulated allocator: 18.55 GiB.
    assert found["allocated_peak"] == pytest.approx(18.55 * GIB, rel=0.05)
    (tmp_path / "points.jsonl").write_text("nonsense\n")
    refused = vlft("plan", "--from", "points.jsonl")
    assert refused.code == 2
    assert "points.jsonl:1" in refused.err


def test_weights_of_another_size_than_their_config(vlft: Any, seven: Any) -> None:
    # The folder's one file holds a tensor or two, and its config is that of 7B.
    done = vlft("plan", seven(), "--data", "none", "--format", "json")
    (said,) = [why for why in planned(done)["unknown"] if "weight files" in why]
    assert "by config.json there are 8,291,375,616" in said
