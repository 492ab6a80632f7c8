"""From a checkpoint to weights to ship: what is reused, what never is, what a failure leaves."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.exports import read_export


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, colors: Path) -> Path:
    """A finished LoRA run; tests copy it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.yaml").write_text(
        f"model: {{path: {tiny_model}}}\ndata: {{train: [{colors}], max_length: 512}}\n"
        "train: {max_steps: 4, save_steps: 2, learning_rate: 1e-2, global_batch_size: 4}\n"
        "pixels: {max: 16*28*28}\nlaunch: {gpus: none}\n"
        "swift: {report_to: [none], dataloader_num_workers: 0}\n"
    )
    subprocess.run(
        [sys.executable, "-m", "vlft", "train", "tiny.yaml"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (run,) = (folder / "output").iterdir()
    return run


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A run of this test's own."""
    copy = tmp_path / "output" / trained.name
    shutil.copytree(trained, copy, symlinks=True)
    return copy


def merge(vlft: Any, *words: str, **env: str) -> dict[str, Any]:
    done = vlft("merge", *words, "--format", "json", **env)
    assert done.code == 0, done.err
    shipped: dict[str, Any] = json.loads(done.out)
    return shipped


def weights_of(folder: str | Path) -> bytes:
    return (Path(folder) / "model.safetensors").read_bytes()


def test_a_merge_is_reused_only_for_the_same_weights(vlft: Any, run: Path) -> None:
    last, first = (str(run / "checkpoints" / f"checkpoint-{step}") for step in (4, 2))
    # A stale folder under the name that ms-swift itself would take for its own merge.
    stale = Path(f"{last}-merged")
    shutil.copytree(run / "checkpoints" / "checkpoint-2", stale)
    (stale / "model.safetensors").write_bytes(b"stale")

    shipped = merge(vlft, str(run))
    assert (shipped["source"], shipped["quantized"]) == (last, None)
    merged = Path(shipped["merged"])
    assert merged == run / "exports" / "checkpoint-4-merged"
    verified = shipped["verified"]
    assert verified["tensors"] == len(read_checkpoint(merged).tensors())
    assert verified["sampled_layers"] == 14, "seven linear layers in each of two blocks"
    assert 0 <= verified["max_abs_error"] < 1e-6
    fresh = weights_of(merged)
    assert fresh != b"stale"
    assert read_checkpoint(merged).kind == "model"
    made = merged.stat().st_ino

    # The same again: there already. Then the adapter changes: made anew.
    assert merge(vlft, str(run))["merged"] == str(merged)
    assert merged.stat().st_ino == made
    shutil.copy(Path(first) / "adapter_model.safetensors", last)
    assert merge(vlft, last)["merged"] == str(merged)
    assert merged.stat().st_ino != made
    assert weights_of(merged) != fresh

    # A folder of the very name that vlft did not make is left alone and not used.
    (merged / "vlft-export.json").unlink()
    other = merge(vlft, last)["merged"]
    assert other == f"{merged}-2"
    refused = vlft("merge", last, "--output", str(merged))
    assert refused.code == 1
    assert "vlft did not make it" in refused.err


def test_eight_bits_are_really_eight_and_answer_with_the_runs_limits(
    vlft: Any, run: Path, colors: Path
) -> None:
    shipped = merge(vlft, str(run), "--quant-bits", "8")
    assert (shipped["method"], shipped["bits"]) == ("bnb", 8)
    assert shipped["verified_quantized"]["quantized"] == 14
    quantized = read_checkpoint(shipped["quantized"])
    kinds = {dtype for dtype, _ in quantized.tensors().values()}
    assert "I8" in kinds
    assert quantized.weight_bytes < read_checkpoint(shipped["merged"]).weight_bytes
    record = read_export(Path(shipped["quantized"]))
    assert record is not None
    assert record.run == run.name

    # Far from the run, its limits still come along.
    moved = run.parents[1] / "elsewhere" / "any-name"
    shutil.copytree(shipped["quantized"], moved)
    image = json.loads(colors.read_text().splitlines()[0])["images"][0]
    asked = vlft(
        "infer",
        str(moved),
        "Which colour?",
        "--image",
        image,
        "--image",
        image,
        "--max-new-tokens",
        "3",
        "--format",
        "json",
    )
    assert asked.code == 0, asked.err
    assert json.loads(asked.out)["row"] == 1
    (work,) = (run.parents[1] / "output").glob("infer-*")
    said = (work / "stderr.log").read_text()
    assert "Setting image_max_token_num: 16." in said, "the limit of training: 16*28*28 pixels"

    refused = vlft("merge", shipped["quantized"], "--quant-bits", "4")
    assert (refused.code, "quantised already" in refused.err) == (1, True)


def test_a_bare_checkpoint_without_its_arguments_on_a_base_in_pickles(
    vlft: Any, trained: Path, tiny_model: Path, tmp_path: Path
) -> None:
    from test_merge_oracle import pickled

    pickled(tiny_model, tmp_path / tiny_model.name)
    bare = tmp_path / "anywhere" / "checkpoint-4"
    shutil.copytree(trained / "checkpoints" / "checkpoint-4", bare)
    (bare / "args.json").unlink()
    shipped = merge(vlft, str(bare), "--base", str(tmp_path / tiny_model.name))
    assert shipped["merged"] == f"{bare}-merged"
    assert shipped["verified"]["sampled_layers"] == 14
    assert shipped["verified"]["max_abs_error"] < 1e-6
    whole = read_checkpoint(tiny_model)
    assert len(read_checkpoint(shipped["merged"]).tensors()) == len(whole.tensors())


def test_what_was_trained_in_4_bits_is_merged_into_the_weights_before_them(
    vlft: Any, tiny_model: Path, colors: Path, tmp_path: Path
) -> None:
    (tmp_path / "q.yaml").write_text(
        f"model: {{path: {tiny_model}}}\ndata: {{train: [{colors}], max_length: 512}}\n"
        "train: {max_steps: 2, learning_rate: 1e-2, global_batch_size: 4}\n"
        "quant: {bits: 4, method: bnb}\npixels: {max: 16*28*28}\nlaunch: {gpus: none}\n"
        "swift: {report_to: [none], dataloader_num_workers: 0}\n"
    )
    run = vlft("train", "q.yaml", "--format", "json")
    assert run.code == 0, run.err
    folder = json.loads(run.out)["output_dir"]
    assert json.loads(Path(folder, "checkpoints", "args.json").read_text())["quant_bits"] == 4
    shipped = merge(vlft, folder)
    assert shipped["verified"]["sampled_layers"] == 14
    made = read_checkpoint(shipped["merged"])
    assert made.quantization is None
    assert {dtype for dtype, _ in made.tensors().values()} == {"F32"}
    assert made.args is not None
    assert made.args["quant_bits"] is None, "or ms-swift would quantise it whenever it loads it"
    assert not list(Path(folder, "checkpoints").glob("*-merged")), "what ms-swift would take later"


@pytest.mark.parametrize(
    ("words", "said", "works"),
    [
        (["--quant-bits", "8", "--quant-method", "awq"], "awq can't quantise to 8", "bnb"),
        (["--quant-bits", "3"], "nothing here can quantise to 3", "gptq"),
        (["--quant-bits", "5"], "no method quantises to 5", "4, 8"),
        (["--quant-bits", "4", "--quant-method", "awq"], "autoawq not installed", "bnb"),
        (["--quant-method", "bnb"], "needs a number of bits", "--quant-bits 8"),
        (["--quant-method", "fp8", "--quant-bits", "8"], "fp8 can't", "bnb"),
        (["--quant-method", "int8", "--quant-bits", "8"], "no quantisation method", "bnb"),
    ],
)
def test_what_can_not_be_done_is_refused_with_what_would_work(
    words: list[str], said: str, works: str, vlft: Any, run: Path
) -> None:
    done = vlft("merge", str(run), *words)
    assert done.code == 1
    assert said in done.err
    assert works in done.err
    assert not (run / "exports").exists(), "nothing was started"


def test_a_killed_export_leaves_nothing_and_the_next_one_works(
    vlft: Any, run: Path, tmp_path: Path
) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "vlft", "merge", str(run)],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list((run / "exports").glob(".*partial*/weights/*")):
        assert running.poll() is None
        time.sleep(0.005)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not list((run / "exports").glob("[!.]*")), "nothing under a final name"
    merged = Path(merge(vlft, str(run))["merged"])
    assert not read_checkpoint(merged).problems
    assert [path.name for path in (run / "exports").iterdir()] == [merged.name]


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root")
def test_a_disk_that_fills_up_leaves_nothing_and_the_next_one_works(
    vlft: Any, run: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(small)], check=True)
    try:
        copy = small / run.name
        shutil.copytree(run, copy, symlinks=True)
        # There is room when it begins, and somebody else takes it meanwhile.
        running = subprocess.Popen(
            [sys.executable, "-m", "vlft", "merge", str(copy)],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not list((copy / "exports").glob(".*partial*/process.json")):
            assert running.poll() is None
            time.sleep(0.005)
        filler = small / "filler"
        with filler.open("wb") as stream, contextlib.suppress(OSError):
            while True:
                stream.write(bytes(1 << 20))
                stream.flush()
        _, said = running.communicate()
        assert running.returncode in (1, 3), said
        assert "Traceback" not in said
        assert not list((copy / "exports").glob("[!.]*")), "nothing under a final name"
        # Known before it begins, this time.
        refused = vlft("merge", str(copy))
        assert (refused.code, "GB free" in refused.err) == (1, True), refused.err
        filler.unlink()
        merged = Path(merge(vlft, str(copy))["merged"])
        assert not read_checkpoint(merged).problems
    finally:
        subprocess.run(["umount", str(small)], check=True)
