"""What docs/faults.md says of a save that does not come to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.ms_swift import PLUGINS
from support.ms_swift.trials import Trial, only_run

HOLDING = PLUGINS / "holding.py"
PLUGIN = ("--set", f"swift.external_plugins=[{HOLDING}]")
PLACES = (
    "4/adapter_model.safetensors/half",
    "4/optimizer.pt/half",
    "6/rng_state.pth/before",
    "8/trainer_state.json/before",
    "8/trainer_state.json/half",
)


def adapter(run: Path, step: int) -> bytes:
    return (run / "checkpoints" / f"checkpoint-{step}" / "adapter_model.safetensors").read_bytes()


def test_everything_is_killed_in_the_middle_of_a_save(
    vlft: Any, tiny_config: Any, tmp_path: Path
) -> None:
    config = tiny_config(steps=10)
    words: tuple[str | Path, ...] = ("train", config, *PLUGIN)
    for number, place in enumerate(PLACES, start=1):
        trial = Trial(*words, cwd=tmp_path, hold=place)
        trial.wait_until_held()
        trial.cut_power()
        run = only_run(tmp_path)
        broken = int(place.partition("/")[0])
        assert run.status == "killed"
        assert run.checkpoints[-1].name == f"checkpoint-{broken}"
        assert run.whole_checkpoints[-1].name == f"checkpoint-{broken - 2}"
        listed = vlft("runs", "list").out
        assert f"{broken // 2 - 1} checkpoints (1 not saved to the end)" in listed
        assert len(list((run.folder / "incomplete").glob("*"))) == number - 1
        words = ("runs", "resume", run.id)
    resumed = vlft(*words)
    assert resumed.code == 0, resumed.err
    assert "going on from checkpoint-6" in resumed.err
    resumed_run = only_run(tmp_path)
    assert len(resumed_run.whole_checkpoints) == 5
    undisturbed = vlft("train", str(config), *PLUGIN, "--run-id", "undisturbed")
    assert undisturbed.code == 0, undisturbed.err
    assert adapter(resumed_run.folder, 10) == adapter(tmp_path / "output" / "undisturbed", 10)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[list[str]]:
    """Words that run a command where `output` is a disk of its own, of 32 MiB."""
    (tmp_path / "output").mkdir()
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    holder = subprocess.Popen(
        [
            *("unshare", "--mount", *user, "sh", "-c"),
            'mount -t tmpfs -o size=32m none "$0" && echo mounted && exec sleep 100000',
            str(tmp_path / "output"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "mounted\n":
            pytest.skip(f"no disk can be mounted here: {holder.communicate()[1].strip()}")
        user = [] if not user else ["--user", "--preserve-credentials"]
        yield ["nsenter", f"--target={holder.pid}", "--mount", *user, f"--wdns={tmp_path}", "--"]
    finally:
        holder.kill()
        holder.communicate()


def test_the_disk_fills_up_in_the_middle_of_a_save(
    small_disk: list[str], tiny_config: Any, tmp_path: Path
) -> None:
    def there(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*small_disk, *map(str, words)], check=False, capture_output=True, text=True
        )

    def vlft_there(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return there(sys.executable, "-m", "vlft", *words)

    config = tiny_config(steps=6)
    trial = Trial(
        *("train", config, *PLUGIN),
        cwd=tmp_path,
        hold="4/optimizer.pt/before",
        through=small_disk,
    )
    trial.wait_until_held()
    there("sh", "-c", "cat /dev/zero > output/ballast")
    trial.release()
    code, said = trial.end()
    assert code == 3, said
    assert "vlft: the trainer ended with exit code 1, and the disk is full" in said
    assert "Traceback" not in said
    (run,) = json.loads(vlft_there("runs", "list", "--format", "json").stdout)
    assert (run["status"], run["exit_code"]) == ("failed", 1)
    assert "1 checkpoints (1 not saved to the end)" in vlft_there("runs", "list").stdout

    # Nothing is started on a disk that is full, nor lost by the attempt.
    for words in (("train", config), ("runs", "resume", run["id"])):
        refused = vlft_there(*words, "--no-validate")
        assert (refused.returncode, "No space left on device" in refused.stderr) == (1, True), (
            refused.stderr
        )
        assert "Traceback" not in refused.stderr

    assert len(there("ls", "output").stdout.split()) == 2, "the run and the ballast"
    there("rm", "output/ballast")
    resumed = vlft_there("runs", "resume", run["id"], "--format", "json")
    assert resumed.returncode == 0, resumed.stderr
    assert "going on from checkpoint-2" in resumed.stderr
    assert json.loads(resumed.stdout)["status"] == "finished"
    assert len(json.loads(resumed.stdout)["checkpoints"]) == 3
