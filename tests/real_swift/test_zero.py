"""DeepSpeed's ZeRO-2 and ZeRO-3 really run, on two processes, to the losses of plain DDP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.ms_swift import PLUGINS
from support.ms_swift.trials import steps_and_losses

from vlft.runs.record import Run, read_run

pytest.importorskip("deepspeed")
PLUGIN = PLUGINS / "zero_on_cpu.py"
STEPS = 4


WORDS = ("--set", "model.torch_dtype=bfloat16", "--format", "json")


def test_zero_2_and_3_train_like_plain_processes(
    vlft: Any, tiny_config: Any, tmp_path: Path
) -> None:
    config = str(tiny_config(steps=STEPS, launch="gpus: none, nproc_per_node: 2"))

    def trained(*words: str) -> Run:
        done = vlft("train", config, *WORDS, *words)
        assert done.code == 0, done.err
        run = read_run(Path(json.loads(done.out)["output_dir"]))
        assert run is not None
        return run

    plain = steps_and_losses(trained().folder)
    assert sorted(plain) == list(range(1, STEPS + 1))
    plugin = ("--set", f"swift.external_plugins=[{PLUGIN}]")
    for stage, more in {"zero2": (), "zero3": ("--no-validate", *plugin)}.items():
        run = trained("--set", f"deepspeed={stage}", *more)
        args = json.loads((run.folder / "checkpoints" / "args.json").read_text())
        assert args["deepspeed"]["zero_optimization"]["stage"] == int(stage[-1])
        assert steps_and_losses(run.folder) == pytest.approx(plain, rel=0.05)
        assert [path.name for path in run.whole_checkpoints] == ["checkpoint-2", "checkpoint-4"]
        # A share of the optimizer's state that is gone is seen.
        folder = run.whole_checkpoints[-1] / f"global_step{STEPS}"
        shares = sorted(folder.glob("*zero_pp_rank_*optim_states.pt"))
        assert len(shares) == 2
        shares[1].unlink()
        (whole,) = run.whole_checkpoints
        if stage == "zero2":
            words = ("--set", f"train.resume_from_checkpoint={whole}")
            again = steps_and_losses(trained("--set", f"deepspeed={stage}", *words).folder)
            assert again == pytest.approx({step: plain[step] for step in (3, 4)}, rel=0.05)


def test_zero_3_on_a_cpu_is_refused_with_what_works(vlft: Any, tiny_config: Any) -> None:
    config = str(tiny_config("deepspeed: zero3\n", launch="gpus: none, nproc_per_node: 2"))
    refused = vlft("train", config)
    assert (refused.code, "[deepspeed.cpu]" in refused.err) == (1, True)
    assert "deepspeed: zero2" in refused.err
