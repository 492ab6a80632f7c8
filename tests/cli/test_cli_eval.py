"""`vlft eval` on a stand-in for ms-swift: rows and answers, files, tables, refusals."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from support.standin_swift import standin_interpreter
from support.weight_files import matrix, tensor, write_adapter, write_model

pytest.importorskip("torch")

Q = "model.layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    return standin_interpreter(tmp_path_factory.mktemp("interpreter"), torch=True)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    base = write_model(tmp_path / "Qwen2-VL-2B-Instruct", {f"{Q}.weight": tensor(matrix(16, 8, 1))})
    prefix = f"base_model.model.{Q}"
    return write_adapter(
        tmp_path / "checkpoint-4",
        base,
        {
            f"{prefix}.lora_A.weight": tensor(matrix(4, 8, 3)),
            f"{prefix}.lora_B.weight": tensor(matrix(16, 4, 4)),
        },
    )


def data(folder: Path, *answers: str, **more: Any) -> Path:
    file = folder / "val.jsonl"
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"question {index}"},
                {"role": "assistant", "content": answer},
            ],
            **more,
        }
        for index, answer in enumerate(answers)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_an_adapter_that_shouts_is_seen_beside_its_merge(
    vlft: Any, checkpoint: Path, tmp_path: Path, python: str
) -> None:
    answers = [f"word{index}" for index in range(40)]
    file = data(tmp_path, *answers)
    asked = ("eval", str(checkpoint), "--data", str(file), "--python", python)
    done = vlft(*asked, "--against", "base,merged", "--format", "json", FAULT="wrong")
    # The merge is made on the way, by the interpreter of the flag.
    assert done.code == 0, done.err
    result = json.loads(done.out)
    adapter, base, merged = result["variants"]
    assert adapter["metrics"]["exact"]["mean"] == 0
    assert adapter["metrics"]["normalised"]["mean"] == 1
    assert merged["metrics"]["exact"]["mean"] == 1
    assert merged["difference"]["exact"]["mean"] == 1
    assert base["rows_per_second"] == 20
    text = vlft(*asked, "--against", "merged", "--max-rows", "7", FAULT="wrong")
    assert text.code == 0, text.err
    assert "merged against adapter, exact: better by 100.0 points" in text.out
    assert "adapter 0.0 (0.0-35.4) 100.0 (64.6-100.0)" in " ".join(text.out.split())


def test_rows_without_an_answer_count_as_wrong(
    vlft: Any, checkpoint: Path, tmp_path: Path, python: str
) -> None:
    file = data(tmp_path, "a", "b", "c", "d")
    asked = ("eval", str(checkpoint), "--data", str(file), "--python", python)
    done = vlft(*asked, "--format", "json", FAULT="drops")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    (adapter,) = result["variants"]
    assert adapter["unanswered"] == 1
    assert adapter["metrics"]["exact"]["mean"] == 0.75
    lines = (Path(result["folder"]) / "results.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["predictions"] == {"adapter": None}
    assert json.loads(lines[1])["scores"]["adapter"]["exact"] == 0
    assert json.loads(lines[2])["predictions"] == {"adapter": "c"}


def test_boxes_are_compared_in_the_familys_convention(
    vlft: Any, checkpoint: Path, tmp_path: Path, python: str
) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 640, 480, 8, 0, 0, 0, 0)
    picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    picture += chunk(b"IDAT", zlib.compress((b"\0" + bytes(640)) * 480)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(picture)
    # The stand-in says (100,100),(500,500) in thousandths: the left upper half of this box.
    objects = {"bbox": [[64, 48, 320, 432]]}
    file = data(tmp_path, "<bbox>", images=["a.png"], objects=objects)
    done = vlft(
        "eval", str(checkpoint), "--data", str(file), "--python", python, "--format", "json"
    )
    assert done.code == 0, done.err
    result = json.loads(done.out)
    metrics = result["variants"][0]["metrics"]
    assert metrics["iou"]["mean"] == pytest.approx(0.5)
    assert metrics["iou50"]["mean"] == 1
    (line,) = (Path(result["folder"]) / "results.jsonl").read_text().splitlines()
    assert json.loads(line)["answer"] == "<|box_start|>(100,100),(500,900)<|box_end|>"


def test_the_same_rows_are_chosen_every_time_and_a_dry_run_starts_nothing(
    vlft: Any, checkpoint: Path, tmp_path: Path, python: str
) -> None:
    file = data(tmp_path, *map(str, range(30)))
    asked = ("eval", str(checkpoint), "--data", str(file), "--python", python)
    dry = json.loads(vlft(*asked, "--max-rows", "5", "--dry-run", "--format", "json").out)
    assert (dry["rows"], dry["forms"]) == (5, ["adapter"])
    assert "--adapters" in dry["command"]
    assert not (tmp_path / "output").exists()
    chosen = []
    for _ in range(2):
        result = json.loads(vlft(*asked, "--max-rows", "5", "--format", "json").out)
        chosen.append(json.loads((Path(result["folder"]) / "summary.json").read_text())["rows"])
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 5


@pytest.mark.parametrize(
    ("words", "code", "said", "helps"),
    [
        (["--metric", "bleu"], 2, "no metric `bleu`", "anls"),
        (["--against", "5bit"], 2, "no run `5bit`", "runs list"),
        (["--against", "4bit"], 1, "bitsandbytes not installed", ""),
    ],
)
def test_refusals_come_before_anything_is_asked(
    words: list[str],
    code: int,
    said: str,
    helps: str,
    vlft: Any,
    checkpoint: Path,
    tmp_path: Path,
    python: str,
) -> None:
    file = data(tmp_path, "a")
    if "4bit" in words:  # the light environment may have it
        (site,) = Path(python).parents[1].glob("lib/python3.*/site-packages")
        for found in site.glob("bitsandbytes*"):
            found.unlink() if found.is_symlink() else found.rmdir()
    done = vlft("eval", str(checkpoint), "--data", str(file), "--python", python, *words)
    assert done.code == code, done.err
    assert said in done.err
    assert helps in done.err
    assert not (tmp_path / "output").exists()


def test_a_checkpoints_own_variables_reach_the_process_only_if_they_are_limits(
    vlft: Any, checkpoint: Path, tmp_path: Path, python: str
) -> None:
    given = {"max_pixels": 50176, "pythonpath": "/evil", "ld_preload": "/evil.so"}
    (checkpoint / "args.json").write_text(
        json.dumps({"model_kwargs": given, "external_plugins": ["/evil.py"], "system": "Hello."})
    )
    asked = ("--data", str(data(tmp_path, "a")), "--python", python, "--dry-run")
    done = vlft("eval", str(checkpoint), *asked)
    assert done.code == 0, done.err
    assert "MAX_PIXELS=50176" in done.out
    assert "--system Hello." in done.out
    assert "evil" not in done.out


def test_data_that_can_not_be_compared_is_refused(
    vlft: Any, checkpoint: Path, tmp_path: Path, python: str
) -> None:
    asked = ("eval", str(checkpoint), "--python", python, "--data")
    assert "no file `none.jsonl`" in vlft(*asked, "none.jsonl").err
    file = tmp_path / "val.jsonl"
    file.write_text('{"messages": [{"role": "user", "content": "q"}]}\n')
    refused = vlft(*asked, str(file))
    assert (refused.code, "val.jsonl:1: the row has no answer" in refused.err) == (1, True)
    file.write_text("")
    assert "has no rows" in vlft(*asked, str(file)).err
    whole = vlft("eval", str(tmp_path / "Qwen2-VL-2B-Instruct"), "--data", "x", "--against", "base")
    assert (whole.code, "is a whole model" in whole.err) == (2, True)
