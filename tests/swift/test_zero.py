"""DeepSpeed's ZeRO-2 and ZeRO-3 really run, on two processes, to the losses of plain DDP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from watching import steps_and_losses

from vlft.runs.record import read_run

pytest.importorskip("deepspeed")
PLUGIN = Path(__file__).with_name("zero_on_cpu.py")
STEPS = 4


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, float]]:
    """The losses without DeepSpeed, once they are known."""
    return {}


@pytest.mark.parametrize("stage", ["zero2", "zero3"])
def test_it_trains_saves_and_goes_on(
    stage: str, vlft: Any, tiny_config: Any, tmp_path: Path, plain: dict[str, dict[int, float]]
) -> None:
    launch = "gpus: none, nproc_per_node: 2"
    config = str(tiny_config(steps=STEPS, launch=launch))
    words = ["--set", "model.torch_dtype=bfloat16", "--format", "json"]
    if not plain:
        ddp = vlft("train", config, *words)
        assert ddp.code == 0, ddp.err
        plain["losses"] = steps_and_losses(Path(json.loads(ddp.out)["output_dir"]))
    words += ["--set", f"deepspeed={stage}", "--set", f"swift.external_plugins=[{PLUGIN}]"]
    done = vlft("train", config, *words)
    assert done.code == 0, done.err
    run = read_run(Path(json.loads(done.out)["output_dir"]))
    assert run is not None
    args = json.loads((run.folder / "checkpoints" / "args.json").read_text())
    assert args["deepspeed"]["zero_optimization"]["stage"] == int(stage[-1])
    assert steps_and_losses(run.folder) == pytest.approx(plain["losses"], rel=0.05)
    assert [path.name for path in run.whole_checkpoints] == ["checkpoint-2", "checkpoint-4"]

    # A share of the optimizer's state that is gone is seen.
    folder = run.whole_checkpoints[-1]
    shares = sorted((folder / f"global_step{STEPS}").glob("*zero_pp_rank_*optim_states.pt"))
    assert len(shares) == 2
    shares[1].unlink()
    assert [path.name for path in run.whole_checkpoints] == ["checkpoint-2"]
    resumed = vlft("train", config, *words, "--set", f"train.resume_from_checkpoint={run.whole_checkpoints[0]}")
    assert resumed.code == 0, resumed.err
    again = steps_and_losses(Path(json.loads(resumed.out)["output_dir"]))
    assert again == pytest.approx({step: plain["losses"][step] for step in (3, 4)}, rel=0.05)
