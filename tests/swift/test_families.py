"""Each family's whole chain: text, images and a video train, merge, quantise and answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vlft as package
from vlft.demo import FOLDERS
from vlft.facts.checkpoint import read_checkpoint

BUILDER = Path(package.__file__).parent / "trainer_side" / "tiny_model.py"


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of real H.264 or MPEG-4: a square that moves."""
    import av
    import numpy as np

    file = tmp_path_factory.mktemp("video") / "square.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("mpeg4", rate=8)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(8):
            picture = np.zeros((64, 64, 3), dtype=np.uint8)
            picture[16:48, number * 4 : number * 4 + 24] = (200, 40, 40)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, colors: Path, video: Path) -> Path:
    """16 rows: text alone, one image, two images, a video."""
    images = [json.loads(line)["images"][0] for line in colors.read_text().splitlines()[:2]]
    kinds = [
        ("What is two and two?", "four", {}),
        ("<image>Which colour?", "red", {"images": images[:1]}),
        ("<image><image>Which colours?", "red green", {"images": images}),
        ("<video>What moves?", "a square", {"videos": [str(video)]}),
    ]
    rows = [
        {
            "messages": [
                {"role": "user", "content": question},
                {"role": "assistant", "content": answer},
            ],
            **media,
        }
        for question, answer, media in kinds * 4
    ]
    file = tmp_path_factory.mktemp("mixed") / "mixed.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("family", FOLDERS)
def test_train_merge_quantise_answer(
    family: str, mixed: Path, video: Path, vlft: Any, tmp_path: Path
) -> None:
    model = tmp_path / FOLDERS[family]
    build = [sys.executable, str(BUILDER), "--family", family, "--output", str(model)]
    subprocess.run(build, check=True, capture_output=True)
    limits = (
        ""
        if family == "internvl"
        else ("pixels: {max: 16*28*28, video: {min: 4*28*28, max: 8*28*28, max_frames: 4}}\n")
    )
    (tmp_path / "c.yaml").write_text(
        f"model: {{path: {model.name}}}\ndata: {{train: [{mixed}], max_length: 2048}}\n"
        "train: {max_steps: 8, learning_rate: 1e-2, per_device_train_batch_size: 4,\n"
        "  gradient_accumulation_steps: 1}\n"
        "launch: {gpus: none}\n"
        "swift: {logging_steps: 1, report_to: [none], dataloader_num_workers: 0}\n" + limits
    )
    planned = vlft("plan", "c.yaml", "--format", "json")
    assert planned.code == 0, planned.err
    plan = json.loads(planned.out)
    assert "the weight files" not in str(plan["unknown"]), "as many parameters as it counts"
    trained = vlft("train", "c.yaml", "--format", "json")
    assert trained.code == 0, trained.err
    run = Path(json.loads(trained.out)["output_dir"])
    log = (run / "checkpoints" / "logging.jsonl").read_text().splitlines()
    losses = [row["loss"] for row in map(json.loads, log) if "loss" in row]
    assert losses[-1] < losses[0] / 2
    said = (run / "stderr.log").read_text() + (run / "stdout.log").read_text()
    assert "MaxLengthError" not in said
    assert "Traceback" not in said, "no row was replaced by another"

    (last,) = sorted((run / "checkpoints").glob("checkpoint-8"))
    weights, moments = last / "adapter_model.safetensors", last / "optimizer.pt"
    size = weights.stat().st_size + moments.stat().st_size
    names = 40_000  # bytes beside the numbers: some hundred a tensor
    assert 0 < size - plan["disk"]["checkpoint_bytes"] < names

    shipped = vlft("merge", "--quant-bits", "8", "--format", "json")
    assert shipped.code == 0, shipped.err
    folders = json.loads(shipped.out)
    dtypes = {dtype for dtype, _ in read_checkpoint(folders["quantized"]).tensors().values()}
    assert "I8" in dtypes

    asked = vlft(
        "infer",
        folders["quantized"],
        "--data",
        str(mixed),
        "--format",
        "json",
        "--max-new-tokens",
        "4",
        "--batch-size",
        "4",
    )
    assert asked.code == 0, asked.err
    answers = [json.loads(line) for line in asked.out.splitlines()]
    assert [answer["answer"] for answer in answers[:4]] == ["four", "red", "red green", "a square"]
    assert len(answers) == 16

    seen = vlft("infer", run.name, "What moves?", "--video", str(video), "--max-new-tokens", "4")
    assert seen.code == 0, seen.err
