"""A checkpoint that was not saved to its end is told from one that was."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from vlft.probe.trainer_checkpoint import unsaved_part


def archive(path: Path) -> None:
    """A file as torch.save lays it out: a zip archive without compression."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"x" * 500)


def weights(path: Path) -> None:
    header = json.dumps({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A checkpoint of two processes under DeepSpeed, as the Trainer leaves it."""
    (tmp_path / "adapter_config.json").write_text("{}")
    weights(tmp_path / "adapter_model.safetensors")
    for name in ("scheduler.pt", "rng_state_0.pth", "rng_state_1.pth", "training_args.bin"):
        archive(tmp_path / name)
    (tmp_path / "trainer_state.json").write_text('{"global_step": 2}')
    (tmp_path / "latest").write_text("global_step2")
    step = tmp_path / "global_step2"
    step.mkdir()
    for rank in (0, 1):
        archive(step / f"bf16_zero_pp_rank_{rank}_mp_rank_00_optim_states.pt")
    return tmp_path


def test_a_whole_one(saved: Path) -> None:
    assert unsaved_part(saved, 2) is None
    assert unsaved_part(saved) is None


def cut(name: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        path = folder / name
        path.write_bytes(path.read_bytes()[:-7])

    return act


def drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


SHARE = "global_step2/bf16_zero_pp_rank_1_mp_rank_00_optim_states.pt"


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (drop("trainer_state.json"), "it has no trainer_state.json, which is saved last"),
        (cut("trainer_state.json"), "trainer_state.json"),
        (cut("adapter_model.safetensors"), "adapter_model.safetensors is cut short"),
        (cut("scheduler.pt"), "scheduler.pt is cut short"),
        (lambda f: (f / "scheduler.pt").write_bytes(b""), "scheduler.pt is cut short"),
        (drop("rng_state_1.pth"), "the random states of 1 of 2 processes"),
        (drop("latest"), "no file `latest`"),
        (drop(SHARE), "the optimizer states of 1 of 2 processes"),
        (cut(SHARE), f"{SHARE} is cut short"),
    ],
)
def test_a_part_of_one(saved: Path, harm: Callable[[Path], None], said: str) -> None:
    harm(saved)
    assert said in (unsaved_part(saved, 2) or "")


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    assert "can't be read" in (unsaved_part(tmp_path / "none") or "")
