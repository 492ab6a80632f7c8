"""Converted rows of every source, loaded and encoded by the real ms-swift."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.ms_swift import PROGRAMS

from vlft.data.convert.run import Task, convert_files

PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"


@dataclass(frozen=True)
class Case:
    """A row of a source, and what it means.

    Attributes:
        row: As the source has it.
        said: Texts that the model must see, in this order.
        learnt: What it must learn.
        pictures: Files that it must be shown, in this order.
        boxes: In pixels or on a scale to 1, as ms-swift 4 takes them.
    """

    row: dict[str, Any]
    said: tuple[str, ...]
    learnt: str
    pictures: tuple[str, ...] = ()
    boxes: tuple[tuple[float, ...], ...] = ()


def v2(query: str, response: str, **more: Any) -> dict[str, Any]:
    return {"query": query, "response": response, **more}


def thing(caption: str, bbox: Any, kind: str = "real", image: int = 0) -> dict[str, Any]:
    return {"caption": caption, "bbox": bbox, "bbox_type": kind, "image": image}


def mark(*box: int) -> str:
    """A box in Qwen2-VL's words."""
    return "<|box_start|>({},{}),({},{})<|box_end|>".format(*box)


def tool(call: str) -> str:
    """A call in Qwen's words, and the end of its turn."""
    return f"<tool_call>\n{call}\n</tool_call><|im_end|>\n"


# Pictures are 200x100 pixels; Qwen2-VL writes boxes in thousandths.
SWIFT_V2 = [
    Case(v2("<image>what", "a cat", images=["a.png"]), (PICTURE + "what",), "a cat", ("a.png",)),
    Case(v2("what", "a cat", images="a.png"), (PICTURE + "what",), "a cat", ("a.png",)),
    Case(v2("what", "a cat", image="a.png"), (PICTURE + "what",), "a cat", ("a.png",)),
    Case(
        v2("<image><image>which", "both", images=["a.png", "b.png"]),
        (PICTURE * 2 + "which",),
        "both",
        ("a.png", "b.png"),
    ),
    Case(
        v2("<img>b.png</img>and <img>a.png</img>", "two"),
        (f"{PICTURE}and {PICTURE}",),
        "two",
        ("b.png", "a.png"),
    ),
    Case(v2("Picture 1: <img>a.png</img>\nq", "r"), (f"{PICTURE}\nq",), "r", ("a.png",)),
    Case(
        v2("q2", "r2", history=[["<image>q1", "r1"]], images=["a.png"], system="be brief"),
        ("be brief", PICTURE + "q1", "r1", "q2"),
        "r1<|im_end|>\nr2",
        ("a.png",),
    ),
    Case(v2("q2", "r2", history="[['q1', 'r1']]"), ("q1", "r1", "q2"), "r1<|im_end|>\nr2"),
    Case(v2("q", "r", history=[], system="", objects="", images=[]), ("q",), "r"),
    Case(
        v2(
            "<image>find <ref-object>",
            "<ref-object><bbox>",
            images=["a.png"],
            objects=json.dumps([thing("cat", [20, 10, 100, 50]), thing("cat", [1, 1, 2, 2])]),
        ),
        (f"{PICTURE}find <|object_ref_start|>cat<|object_ref_end|>",),
        f"<|object_ref_start|>cat<|object_ref_end|>{mark(100, 100, 500, 500)}",
        ("a.png",),
        ((20, 10, 100, 50),),
    ),
    Case(
        v2(
            "<image>all",
            "<bbox>",
            images=["a.png"],
            objects=json.dumps([thing("x", [[20, 10, 100, 50], [0, 0, 200, 100]])]),
        ),
        (f"{PICTURE}all",),
        mark(100, 100, 500, 500) + mark(0, 0, 1000, 1000),
        ("a.png",),
        ((20, 10, 100, 50), (0, 0, 200, 100)),
    ),
    Case(
        v2(
            "<image><image>which",
            "<bbox>",
            images=["a.png", "c.png"],
            objects=[thing("x", [20, 10, 100, 50], image=1)],
        ),
        (f"{PICTURE * 2}which",),
        mark(50, 50, 250, 250),
        ("a.png", "c.png"),
        ((20, 10, 100, 50),),
    ),
    Case(
        v2(
            "<image>q",
            "<bbox>",
            images=["a.png"],
            objects=[thing("x", [0, 0, 999, 0], "norm_1000")],
        ),
        (f"{PICTURE}q",),
        mark(0, 0, 1000, 0),
        ("a.png",),
        ((0, 0, 1, 0),),
    ),
    Case(
        v2(
            "<image>q", "<bbox>", images=["a.png"], objects=[thing("x", [0, 0.1, 1, 0.5], "norm_1")]
        ),
        (f"{PICTURE}q",),
        mark(0, 100, 1000, 500),
        ("a.png",),
        ((0, 0.1, 1, 0.5),),
    ),
    Case(
        v2(
            "<image>q",
            "<bbox><bbox>",
            images=["a.png"],
            objects=[thing("x", [20, 10, 100, 50]), thing("y", [0, 0, 1, 0.5], "norm_1")],
        ),
        (f"{PICTURE}q",),
        mark(100, 100, 500, 500) + mark(0, 0, 1000, 500),
        ("a.png",),
        ((20, 10, 100, 50), (0, 0, 200, 50)),
    ),
    Case({"question": "q", "answer": ["r", "s"]}, ("q",), "r"),
    Case(
        {
            "conversations": [
                {"from": "user", "value": "<image>q"},
                {"from": "assistant", "value": "r"},
            ],
            "images": ["a.png"],
        },
        (f"{PICTURE}q",),
        "r",
        ("a.png",),
    ),
    Case({"conversation": [{"human": "q", "assistant": "r"}]}, ("q",), "r"),
]
LLAMA_FACTORY = [
    Case(
        {
            "conversations": [
                {"from": "human", "value": "<image>q1"},
                {"from": "gpt", "value": "r1"},
                {"from": "human", "value": "q2"},
                {"from": "gpt", "value": "r2"},
            ],
            "images": ["a.png"],
            "system": "be kind",
        },
        ("be kind", f"{PICTURE}q1", "r1", "q2"),
        "r1<|im_end|>\nr2",
        ("a.png",),
    ),
    Case(
        {
            "conversations": [
                {"from": "human", "value": "weather?"},
                {"from": "function_call", "value": '{"name": "look", "arguments": {"at": "sky"}}'},
                {"from": "observation", "value": "blue"},
                {"from": "gpt", "value": "fine"},
            ],
            "tools": '[{"name": "look", "description": "d", "parameters": {"type": "object"}}]',
        },
        ("weather?", '"at": "sky"', "blue"),
        tool('{"name": "look", "arguments": {"at": "sky"}}') + "fine",
    ),
    Case({"instruction": "sum", "input": "1 2", "output": "3"}, ("sum\n1 2",), "3"),
    Case(
        {
            "instruction": "<image>what",
            "input": "",
            "output": "a cat",
            "history": [["q0", "r0"]],
            "images": ["b.png"],
            "system": "s",
        },
        ("q0", "r0", f"{PICTURE}what"),
        "r0<|im_end|>\na cat",
        ("b.png",),
    ),
]


def openai(uri: str) -> list[Case]:
    part = {"type": "image_url", "image_url": {"url": uri}}
    return [
        Case(
            {
                "messages": [
                    {"role": "developer", "content": "be kind"},
                    {"role": "user", "content": [{"type": "text", "text": "see "}, part]},
                    {"role": "assistant", "content": "a cat"},
                ]
            },
            ("be kind", f"see {PICTURE}"),
            "a cat",
            (uri,),
        ),
        Case(
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "image": "a.png"}, part]},
                    {"role": "assistant", "content": [{"type": "text", "text": "two"}]},
                ]
            },
            (PICTURE * 2,),
            "two",
            ("a.png", uri),
        ),
        Case(
            {
                "messages": [
                    {"role": "user", "content": "q"},
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [
                            {"id": "1", "function": {"name": "f", "arguments": '{"x": 1}'}}
                        ],
                    },
                    {"role": "tool", "tool_call_id": "1", "content": "seven"},
                    {"role": "assistant", "content": "it is 7"},
                ]
            },
            ("q", '"x": 1', "seven"),
            tool('{"name": "f", "arguments": {"x": 1}}') + "it is 7",
        ),
        Case(
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b", "weight": 0},
                    {"role": "user", "content": "c"},
                    {"role": "assistant", "content": "d"},
                ]
            },
            ("a", "b", "c"),
            "d",
        ),
    ]


FIXED = [
    Case(
        {
            "messages": [
                {"role": "user", "content": "q"},
                {"role": "assistant", "content": "<bbox>"},
            ],
            "image": "a.png",
            "objects": json.dumps([thing("x", [20, 10, 100, 50])]),
        },
        (f"{PICTURE}q",),
        mark(100, 100, 500, 500),
        ("a.png",),
        ((20, 10, 100, 50),),
    ),
    Case(
        {
            "messages": [
                {"role": "user", "content": "<Image>q"},
                {"role": "assistant", "content": "r"},
            ],
            "images": "a.png",
            "objects": "",
        },
        (f"{PICTURE}q",),
        "r",
        ("a.png",),
    ),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures beside the data file, which ms-swift does not look for there."""
    made = tmp_path_factory.mktemp("sources")
    for name, size in (("a.png", (200, 100)), ("b.png", (200, 100)), ("c.png", (400, 200))):
        (made / name).write_bytes(png(*size))
    return made


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes((width * 3 + 1) * height)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def loaded(folder: Path, tiny_model: Path) -> dict[str, tuple[list[Case], dict[str, Any]]]:
    """Source → its cases, and what ms-swift made of the converted file."""
    uri = "data:image/png;base64," + base64.b64encode(png(56, 56)).decode()
    sources: dict[str, tuple[Any, bool, list[Case]]] = {
        "swift": ("swift", False, SWIFT_V2),
        "llamafactory": ("llamafactory", False, LLAMA_FACTORY),
        "openai": ("openai", False, openai(uri)),
        "auto": ("auto", False, [*LLAMA_FACTORY, *SWIFT_V2, *openai(uri)]),
        "fix": ("auto", True, FIXED),
    }
    files = [write(folder, name, *what) for name, what in sources.items()]
    run = subprocess.run(
        [sys.executable, PROGRAMS / "load_rows.py", tiny_model, *files],
        capture_output=True,
        text=True,
        cwd=folder.parent,
        check=False,
    )
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(answers) == len(files), run.stderr[-3000:]
    return {name: (sources[name][2], answer) for name, answer in zip(sources, answers, strict=True)}


def write(folder: Path, name: str, form: Any, fix: bool, cases: list[Case]) -> Path:
    source, output = folder / f"{name}.jsonl", folder / f"{name}.out.jsonl"
    source.write_text("".join(json.dumps(case.row) + "\n" for case in cases))
    report = convert_files(
        Task([source], output, form, fix, folder / f"{name}.report.jsonl", folder.parent, None),
        lambda _: None,
    )
    assert report.refused == 0, report.rejected
    return output


@pytest.mark.parametrize("name", ["swift", "llamafactory", "openai", "auto", "fix"])
def test_every_row_is_loaded_and_means_what_it_meant(
    name: str, folder: Path, loaded: dict[str, tuple[list[Case], dict[str, Any]]]
) -> None:
    cases, answer = loaded[name]
    assert answer["error"] is None
    assert answer["count"] == len(cases)
    unmatched = list(cases)
    for row in answer["rows"]:
        assert row["error"] is None, row
        case = next((one for one in unmatched if fits(one, row, folder)), None)
        assert case is not None, row
        unmatched.remove(case)
    assert unmatched == []


def fits(case: Case, row: dict[str, Any], folder: Path) -> bool:
    """Whether an encoded row is what the case says."""
    pictures = [one if one.startswith("data:") else str(folder / one) for one in case.pictures]
    boxes = [tuple(box) for box in (row["objects"] or {}).get("bbox", [])]
    at = 0
    for text in case.said:
        at = row["input"].find(text, at)
        if at < 0:
            return False
        at += len(text)
    return (
        row["label"] == f"{case.learnt}<|im_end|>\n"
        and row["images"] == pictures
        and boxes == [tuple(box) for box in case.boxes]
    )


def test_a_file_over_10_mib_loads_whole(folder: Path, tiny_model: Path) -> None:
    """Each trap of the first 10 MiB, sprung by one row at the end."""
    plain = v2("q" * 90, "r" * 90)
    pair = {"messages": [{"role": "user", "content": "q"}]}
    traps = {
        "a column": v2("<image>q", "r", images=["a.png"]),
        "a list that was empty": v2("<image>q", "r", images=["a.png"], system="s"),
        "a float": v2("<image>q", "<bbox>", images=["a.png"], objects=[thing("x", [1, 2, 3.5, 4])]),
        "a string for a list": v2("<image>q", "r", images="a.png"),
        "a weight": {
            "messages": [*pair["messages"], {"role": "assistant", "content": "r", "weight": 0}]
        },
        "content in parts": {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "q"}]},
                {"role": "assistant", "content": "r"},
            ]
        },
        "a number": v2("q", "r") | {"response": 7},
        "tools": {**pair, "messages": [*pair["messages"], {"role": "assistant", "content": "r"}],
                  "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
    }  # fmt: skip
    source, output = folder / "large.jsonl", folder / "large.out.jsonl"
    before = [plain | {"images": [], "system": None, "objects": ""}, plain] * 26_000
    rows = [*before, *traps.values(), *[plain] * 10]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = Task([source], output, "auto", False, None, folder.parent, None)
    report = convert_files(task, lambda _: None)
    assert (report.written, report.refused) == (len(rows), 0)
    assert output.stat().st_size > 12 << 20
    run = subprocess.run(
        [sys.executable, PROGRAMS / "load_rows.py", tiny_model, output],
        capture_output=True,
        text=True,
        cwd=folder.parent,
        check=False,
    )
    answer = json.loads(run.stdout.splitlines()[-1])
    assert answer["error"] is None
    assert answer["count"] == len(rows)
    assert answer["texts"] == sorted(["7", "<bbox>", "r", "r" * 90])
