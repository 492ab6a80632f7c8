"""Each family's whole chain: text, images and a video train, merge, quantise and answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.folders import TINY_MODEL, tiny_folders

from vlft.infer.eval_dataset import read_question
from vlft.infer.metrics import mean_iou, read_boxes
from vlft.models import family_of
from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.exports import read_export
from vlft.runs.target import resolve_target

FOLDERS = tiny_folders()


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
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The tiny model of a family, built when it is first asked for."""
    built: dict[str, Path] = {}

    def model(family: str) -> Path:
        if family not in built:
            built[family] = tmp_path_factory.mktemp(family) / FOLDERS[family]
            words = [sys.executable, str(TINY_MODEL), "--family", family]
            subprocess.run(
                [*words, "--output", str(built[family])], check=True, capture_output=True
            )
        return built[family]

    return model


@pytest.fixture(scope="module")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A row whose answer is two boxes in a picture that is shrunk."""
    from PIL import Image

    image = tmp_path_factory.mktemp("boxed") / "wide.png"
    Image.new("RGB", (224, 140), (30, 30, 220)).save(image)
    return {
        "messages": [
            {"role": "user", "content": "<image>Where is <ref-object>?"},
            {"role": "assistant", "content": "<bbox><bbox>"},
        ],
        "images": [str(image)],
        "objects": {"ref": ["a square"], "bbox": [[8, 14, 100, 97], [120, 20, 210, 130]]},
    }


@pytest.fixture(scope="module")
def mixed(
    tmp_path_factory: pytest.TempPathFactory, colors: Path, video: Path, boxed: dict[str, Any]
) -> Path:
    """16 rows: text alone, one image, two images, a video; and two with boxes."""
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
    rows += [boxed, boxed]
    file = tmp_path_factory.mktemp("mixed") / "mixed.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


@pytest.mark.parametrize("family", FOLDERS)
def test_train_merge_quantise_and_score(
    family: str, models: Callable[[str], Path], mixed: Path, video: Path, vlft: Any, tmp_path: Path
) -> None:
    limits = (
        ""
        if family == "internvl"
        else ("pixels: {max: 16*28*28, video: {min: 4*28*28, max: 8*28*28, max_frames: 4}}\n")
    )
    (tmp_path / "c.yaml").write_text(
        f"model: {{path: {models(family)}}}\ndata: {{train: [{mixed}], max_length: 2048}}\n"
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

    # What is not there yet is made on the way. The untrained base costs ten seconds: once.
    forms = ["merged", "8bit", "4bit"]
    if family == next(iter(FOLDERS)):
        forms.insert(0, "base")
    asked = ("--data", str(mixed), "--max-new-tokens", "4", "--metric", "exact", "--metric", "iou")
    against = ("--against", ",".join(forms))
    scored = vlft("eval", run.name, *asked, *against, "--format", "json")
    assert scored.code == 0, scored.err
    table = {one["name"]: one for one in json.loads(scored.out)["variants"]}
    assert list(table) == ["adapter", *forms]
    assert all(one["rows"] == 18 and one["unanswered"] == 0 for one in table.values())
    assert table["merged"]["metrics"] == table["adapter"]["metrics"]
    assert table["4bit"]["bytes"] < table["8bit"]["bytes"] < table["merged"]["bytes"]
    results = (Path(json.loads(scored.out)["folder"]) / "results.jsonl").read_text().splitlines()
    answers = [json.loads(line)["answer"] for line in results]
    assert answers[:4] == ["four", "red", "red green", "a square"]
    assert len(read_boxes(answers[-1])) == 2
    for name, kind in (("8bit", "I8"), ("4bit", "U8")):
        folder = Path(table[name]["folder"])
        export = read_export(folder)
        assert export is not None
        assert export.method == "bnb"
        assert export.verified is not None
        assert kind in {dtype for dtype, _ in read_checkpoint(folder).tensors().values()}
    whole = read_export(Path(table["merged"]["folder"]))
    assert whole is not None
    assert whole.verified is not None
    assert whole.verified["sampled_layers"] > 0

    if family == next(iter(FOLDERS)):  # a video was among the rows of each
        four = ("--max-new-tokens", "4")
        seen = vlft("infer", run.name, "What moves?", "--video", str(video), *four)
        assert seen.code == 0, seen.err


# What ms-swift trains on, as text: the label's tokens, after its own writing of boxes.
TRAINED_ON = """
import json, sys
from swift.model import get_processor
from swift.template import get_template
job = json.load(open(sys.argv[1]))
for kind, form, folder in job["models"]:
    template = get_template(get_processor(folder, model_type=kind), template_type=form)
    template.set_mode("train")
    labels = [int(one) for one in template.encode(job["row"])["labels"] if one >= 0]
    print("TRAINED", json.dumps(template.tokenizer.decode(labels)))
"""


def test_right_answers_have_boxes_as_they_were_trained(
    models: Callable[[str], Path],
    boxed: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MAX_PIXELS", str(16 * 28 * 28))
    families = [one for one in map(family_of, FOLDERS) if one is not None]
    assert len(families) == 4
    named = [(one.swift_model_type, one.template, str(models(one.swift_model_type)))
             for one in families]  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps({"models": named, "row": boxed}))
    done = subprocess.run(
        [sys.executable, "-c", TRAINED_ON, str(tmp_path / "job.json")],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = [json.loads(line[8:]) for line in done.stdout.splitlines() if line[:8] == "TRAINED "]
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(boxed) + "\n")
    for trained, (_, _, folder) in zip(said, named, strict=True):
        (answer,) = read_question(resolve_target(folder), rows, None).answers
        assert trained.startswith(answer), folder
        assert len(read_boxes(answer)) == 2
        assert mean_iou(trained, answer) == 1
    assert len(set(said)) == 3, "thousandths, pixels of the shrunk picture, InternVL's own tags"
