"""Checkpoints with code of their own: refused without the mends, the same as ever with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.ms_swift import PROGRAMS

from vlft.probe.checkpoint import read_checkpoint
from vlft.resolve.model import PATCHES_VERSION, PLUGIN
from vlft.runs.exports import read_export

FORMS = {
    "qwen2": "InternVL3-1B",
    "older": "InternVL2-1B",
    "speaker": "InternVL2-2B",
    "cached": "InternVL2-4B",
}
QUIET = {"PYTHONWARNINGS": "ignore", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each form under a name that ms-swift knows, a reference beside it."""
    folder = tmp_path_factory.mktemp("own-code")
    for form, name in FORMS.items():
        run("own_code_model.py", form, str(folder / name))
    return {form: folder / name for form, name in FORMS.items()}


@pytest.fixture(scope="module")
def loads(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    cache = str(tmp_path_factory.mktemp("hub"))
    said = run("own_code_loads.py", str(PLUGIN), *map(str, models.values()), HF_HOME=cache)
    return dict(zip(models, json.loads(said.splitlines()[-1]), strict=True))


def run(program: str, *words: str, **env: str) -> str:
    file = PROGRAMS / program
    done = subprocess.run(
        [sys.executable, file, *words],
        env={**os.environ, **QUIET, **env, "PYTHONPATH": str(PLUGIN.parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_without_the_plugin_none_of_them_loads(loads: dict[str, Any]) -> None:
    assert "'all_tied_weights_keys'" in loads["qwen2"]["refused"]
    assert "KeyError: 'architectures'" in loads["older"]["refused"]
    assert "'all_tied_weights_keys'" in loads["speaker"]["refused"]
    assert "'all_tied_weights_keys'" in loads["cached"]["refused"]


def test_with_it_the_logits_are_those_of_a_model_that_was_never_loaded(
    loads: dict[str, Any],
) -> None:
    for form, found in loads.items():
        assert found["off_by"] == 0, form
        assert found["features"], form
        assert found["words"] == dict.fromkeys(found["words"], True), form


def test_the_log_tells_what_was_mended_and_nothing_else(loads: dict[str, Any]) -> None:
    told = {form: "\n".join(found["told"]) for form, found in loads.items()}
    assert "InternVLChatConfig has no defaults" not in told["qwen2"]
    for form, text in told.items():
        assert "InternVLChatModel does not call post_init()" in text
        assert "finite logits" in text
        mine = form in {"speaker", "cached"}
        assert ("SpeakerForCausalLM has no generate" in text) is mine
        assert ("SpeakerForCausalLM keeps its cache in tuples" in text) is mine
        assert ("SpeakerForCausalLM lists its tied weights" in text) is mine
        assert ("SpeakerTrunk asks for a mask of heads" in text) is mine
        assert ("the buffers of Turning are not stored" in text) is mine
        assert ("asks caches for from_legacy_cache, to_legacy_cache" in text) is (form == "cached")
        assert "Qwen2" not in text, "classes of transformers' own are left alone"


def test_the_mend_that_suggests_itself_is_stopped(loads: dict[str, Any]) -> None:
    assert loads["qwen2"]["tempting"] > 1, "the output layer is random, and nothing says so"
    for form in ("qwen2", "older"):
        assert "vlft stops before the first step" in loads[form]["tempted"]
        assert "lm_head.weight is random" in loads[form]["tempted"]


def test_weights_that_are_no_numbers_are_stopped(loads: dict[str, Any]) -> None:
    for found in loads.values():
        assert "the loaded model's logits are not numbers" in found["nan"]


@pytest.mark.parametrize("form", ["older", "speaker"])
def test_train_merge_quantise_answer(
    form: str, models: dict[str, Path], colors: Path, vlft: Any, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text("print('my own plug-in')\n")
    (tmp_path / "c.yaml").write_text(
        f"model: {{path: {models[form]}, trust_remote_code: true}}\n"
        f"data: {{train: [{colors}], max_length: 512}}\n"
        "train: {max_steps: 6, learning_rate: 1e-2, per_device_train_batch_size: 2,\n"
        "  gradient_accumulation_steps: 1}\n"
        "pixels: {tiles: 1}\nlaunch: {gpus: none}\n"
        "swift: {logging_steps: 1, report_to: [none], dataloader_num_workers: 0, system: Hi,\n"
        "  external_plugins: [mine.py]}\n"
    )
    trained = vlft("train", "c.yaml", "--format", "json", HF_HOME=str(tmp_path / "hub"))
    assert trained.code == 0, trained.err
    folder = Path(json.loads(trained.out)["output_dir"])
    record = json.loads((folder / "run.json").read_text())
    assert record["versions"]["own-code-mends"] == PATCHES_VERSION
    assert record["env"]["INPUT_SIZE"] == "56"
    log = (folder / "stderr.log").read_text() + (folder / "stdout.log").read_text()
    assert f"(version {PATCHES_VERSION})" in log
    assert "does not call post_init()" in log
    assert "my own plug-in" in log
    lines = (folder / "checkpoints" / "logging.jsonl").read_text().splitlines()
    losses = [row["loss"] for row in map(json.loads, lines) if "loss" in row]
    assert losses[-1] < losses[0] * 0.75

    hub = {"HF_HOME": str(tmp_path / "hub")}
    shipped = vlft("merge", "--quant-bits", "8", "--format", "json", **hub)
    assert shipped.code == 0, shipped.err
    made = json.loads(shipped.out)
    assert "I8" in {dtype for dtype, _ in read_checkpoint(made["quantized"]).tensors().values()}
    export = read_export(Path(made["quantized"]))
    assert export is not None
    assert export.versions["own-code-mends"] == PATCHES_VERSION

    # Away from the run and its record, and from wherever vlft was when it trained.
    alone = tmp_path / "elsewhere" / "merged"
    shutil.copytree(made["merged"], alone)
    (alone / "vlft-export.json").unlink()
    saved = json.loads((alone / "args.json").read_text())
    saved["external_plugins"] = ["/gone/own_code/vlft_own_code.py"]
    (alone / "args.json").write_text(json.dumps(saved))
    refused = vlft("infer", str(alone), "Which colour?", **hub)
    assert refused.code == 1
    assert "carries Python code that ms-swift would run" in refused.err
    answers = [asked(vlft, made[name], colors, hub) for name in ("merged", "quantized")]
    answers.insert(1, asked(vlft, alone, colors, hub, "--trust-remote-code"))
    assert answers[0] == answers[1]
    assert len(answers[2]) == 24


def asked(
    vlft: Any, folder: str | Path, colors: Path, env: dict[str, str], *flags: str
) -> list[str]:
    words = ("--data", str(colors), "--max-new-tokens", "2", "--batch-size", "8", *flags)
    done = vlft("infer", str(folder), *words, "--format", "json", **env)
    assert done.code == 0, done.err
    return [json.loads(line)["prediction"] for line in done.out.splitlines()]
