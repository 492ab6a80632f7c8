"""The demo does what README says of it: real digits, learnt, merged and in 8 bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlft.probe.checkpoint import read_checkpoint


@pytest.mark.chain
def test_the_whole_chain_on_digits_that_were_never_seen(vlft: Any, tmp_path: Path) -> None:
    done = vlft("demo", "--output-dir", "demo", "--format", "json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    accuracy = result["accuracy"]
    assert result["held_out"] == 300
    assert accuracy["before"] < 0.1
    assert accuracy["after"] >= 0.9
    assert accuracy["merged"] == accuracy["after"]
    assert abs(accuracy["quantized"] - accuracy["after"]) <= 0.02

    # None of the held-out digits was trained on, in any form.
    data = tmp_path / "demo" / "data"
    held_out = {image for row in rows(data / "held_out.jsonl") for image in row["images"]}
    pictures = {Path(image).read_bytes() for image in held_out}
    assert len(held_out) == 300
    for name in ("base.jsonl", "train.jsonl"):
        trained = {image for row in rows(data / name) for image in row["images"]}
        assert not trained & held_out
        assert not {Path(image).read_bytes() for image in trained} & pictures

    # Both runs are recorded, and the second is LoRA on the first.
    listed = {run["id"]: run for run in json.loads(vlft("runs", "list", "--format", "json").out)}
    base, lora = (listed[run] for run in result["runs"])
    adapter = read_checkpoint(lora["checkpoints"][-1])
    assert adapter.kind == "adapter"
    assert adapter.base_model == base["checkpoints"][-1]
    assert set(result["bytes"]) == {"base", "adapter", "merged", "quantized"}
    assert set(result["seconds"]) >= {"model", "data", "base", "lora", "merge", "quantize"}


def rows(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]
