"""One tiny model and one data set for all tests that start the real ms-swift."""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.folders import TINY_MODEL
from support.ms_swift.judging import Judge

_COLORS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("swift")


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    """ms-swift's own reading of arguments; seconds to start, a tenth of a second a command."""
    with contextlib.closing(Judge()) as running:
        yield running


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen2-VL of a few layers with random weights."""
    folder = tmp_path_factory.mktemp("models") / "Qwen2-VL-2B-Instruct"
    subprocess.run(
        [
            sys.executable,
            TINY_MODEL,
            "--family",
            "qwen2_vl",
            "--output",
            folder,
        ],
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="session")
def colors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 rows that ask for the colour of an image."""
    folder = tmp_path_factory.mktemp("data")
    rows = []
    for index in range(24):
        name, color = list(_COLORS.items())[index % 3]
        image = folder / f"{name}.png"
        image.write_bytes(_png(56, 56, color))
        rows.append(
            {
                "messages": [
                    {"role": "user", "content": "<image>Which colour?"},
                    {"role": "assistant", "content": name},
                ],
                "images": [str(image)],
            }
        )
    file = folder / "colors.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def _png(width: int, height: int, color: tuple[int, int, int]) -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    lines = (b"\0" + bytes(color) * width) * height
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.fixture
def tiny_config(tmp_path: Path, tiny_model: Path, colors: Path) -> Any:
    """Writes a config that trains the tiny model on a CPU."""

    def write(extra: str = "", *, steps: int = 6, launch: str = "gpus: none") -> Path:
        file = tmp_path / "tiny.yaml"
        file.write_text(
            f"model: {{path: {tiny_model}}}\n"
            f"data: {{train: [{colors}], max_length: 512}}\n"
            "pixels: {max: 16*28*28}\n"
            f"train: {{max_steps: {steps}, learning_rate: 1e-2, global_batch_size: 4,\n"
            "  save_steps: 2}\n"
            f"launch: {{{launch}}}\n"
            "swift: {logging_steps: 1, report_to: [none], dataloader_num_workers: 0}\n" + extra
        )
        return file

    return write
