"""The page about Slurm, typed as it stands on a real one, with the real ms-swift."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from slurm_cluster import Cluster, steps_of
from support.doc_blocks import script

pytestmark = pytest.mark.swift


# What the reader waits for between two lines: the real trainer stands at its fifth step.
_WAITS = {
    'vlft runs stop "$RUN"': 'until vlft runs checkpoint "$RUN" > /dev/null; do sleep 0.5; done',
    'vlft runs resume "$RUN"': "touch go",
}


def test_every_command_of_the_page(
    cluster: Cluster, real_config: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(real_config(steps=8, save_steps=2).read_text())
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.yaml").write_text(real_config(steps=1, save_steps=1).read_text())
    text = script("docs/slurm.md")
    for line, wait in _WAITS.items():
        assert line in text
        text = text.replace(line, f"{wait}\n{line}")
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = cluster.run("bash", "-x", "-c", text, cwd=tmp_path, PATH=programs)
    assert done.code == 0, done.err[-6000:]
    assert "#SBATCH --requeue" in done.out
    runs = sorted((tmp_path / "output").iterdir())
    assert [run.name.partition("-")[0] for run in runs] == ["a", "b", "c", "config"]
    for run in runs:
        assert cluster.end(run)["status"] == "finished"
    last = steps_of(runs[-1])
    assert last[-1] == 8
