"""Boxes as every family writes them, and the right answer in its words."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from vlft.errors import VlftError
from vlft.infer.eval_dataset import Convention, right_answer
from vlft.infer.metrics import iou, iou_at_half, mean_iou, read_boxes
from vlft.models import family_of, limits_from


@pytest.mark.parametrize(
    "text",
    [
        "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(10,20),(30,40)<|box_end|>",
        "(10, 20), (30, 40)",
        "<ref>cat</ref><box>[[10, 20, 30, 40]]</box>",
        '```json\n[{"bbox_2d": [10, 20, 30, 40], "label": "cat"}]\n```',
        "[30, 40.0, 10, 20]",
    ],
)
def test_every_form_is_read(text: str) -> None:
    assert read_boxes(text) == [(10, 20, 30, 40)]


def test_what_is_no_box_is_none() -> None:
    assert read_boxes("(10,20)") == []
    assert read_boxes("[1, 2, 3]") == []
    assert read_boxes("[1, 2, 3, 4, 5]") == []


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (5, 0, 15, 10), 50 / 150),
        ((0, 0, 10, 10), (0, 0, 5, 5), 25 / 100),
        ((0, 0, 10, 10), (10, 10, 20, 20), 0.0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 1.0),
        ((0, 0, 0, 0), (1, 1, 1, 1), 0.0),
    ],
)
def test_iou(first: tuple[int, ...], second: tuple[int, ...], value: float) -> None:
    assert iou(first, second) == pytest.approx(value)  # type: ignore[arg-type]


def test_boxes_are_paired_whatever_their_order_and_extra_ones_cost() -> None:
    both = "[0, 0, 10, 10] [20, 20, 30, 30]"
    assert mean_iou("[20, 20, 30, 30] [0, 0, 10, 10]", both) == 1
    assert mean_iou("[0, 0, 10, 10]", both) == 0.5
    assert mean_iou(f"{both} [40, 40, 50, 50]", both) == pytest.approx(2 / 3)
    assert mean_iou("none", both) == 0
    assert iou_at_half("[0, 0, 10, 10]", "[0, 0, 10, 5]") == 1
    assert iou_at_half("[0, 0, 10, 10]", "[0, 0, 10, 4]") == 0


def png(file: Path, width: int, height: int) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress((b"\0" + bytes(width)) * height)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def convention(model_type: str, folder: Path, *, legacy: bool = True) -> Convention:
    family = family_of(model_type)
    assert family is not None
    return Convention(
        family.template_named(None), family.vision, limits_from({}), legacy, (folder,)
    )


@pytest.mark.parametrize(
    ("model_type", "legacy", "answer"),
    [
        # In thousandths of 640x480: 64/640, 48/480, 320/640, 240/480.
        ("qwen2_vl", True, "<|box_start|>(100,100),(500,500)<|box_end|>"),
        ("qwen2_vl", False, "[100, 100, 500, 500]"),
        # In pixels of the picture as it is resized to multiples of 28: 644x476.
        ("qwen2_5_vl", True, "<|box_start|>(64,48),(322,238)<|box_end|>"),
        ("qwen3_vl", True, "<|box_start|>(100,100),(500,500)<|box_end|>"),
        ("internvl", True, "<box>[[100, 100, 500, 500]]</box>"),
    ],
)
def test_the_right_answer_is_in_the_familys_convention(
    model_type: str, legacy: bool, answer: str, tmp_path: Path
) -> None:
    png(tmp_path / "a.png", 640, 480)
    row = {
        "messages": [
            {"role": "user", "content": "<image>Where is <ref-object>, not at <bbox>?"},
            {"role": "assistant", "content": "<bbox>"},
        ],
        "images": ["a.png"],
        "objects": {"ref": ["the cat"], "bbox": [[0, 0, 1, 1], [64, 48, 320, 240]]},
    }
    assert right_answer(row, convention(model_type, tmp_path, legacy=legacy)) == answer


def test_answers_of_older_forms_and_none_at_all(tmp_path: Path) -> None:
    plain = convention("qwen2_vl", tmp_path)
    assert right_answer({"query": "q", "response": "r"}, plain) == "r"
    sharegpt = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "r"}]
    assert right_answer({"conversations": sharegpt}, plain) == "r"
    assert right_answer({"messages": [{"role": "user", "content": "q"}]}, plain) is None
    row = {
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "<bbox>"}],
        "images": ["none.png"],
        "objects": {"bbox": [[0, 0, 1, 1]]},
    }
    with pytest.raises(VlftError, match=r"none\.png"):
        right_answer(row, plain)
