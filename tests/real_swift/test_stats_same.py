"""Tokens that `vlft data stats` counts, and those that the real template makes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from support.ms_swift import PROGRAMS
from test_convert_loads import mark, png
from typer.testing import CliRunner

from vlft.cli import app


def test_every_count_is_the_templates(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(333, 222))
    (tmp_path / "b.png").write_bytes(png(1500, 90))
    turns = [
        ["<image>Was ist das? 这是什么?", "Ein Bild, wie schön: 一张图片 🙂"],
        ["plain text", "an answer\n\nin lines"],
        ["<image>and<image>", "two", "again", "yes"],
        ["<image>where", "<bbox>"],
    ]
    rows = []
    for texts in turns:
        roles = ("user", "assistant") * 2
        messages = [
            {"role": role, "content": text} for role, text in zip(roles, texts, strict=False)
        ]
        pictures = sum(text.count("<image>") for text in texts)
        rows.append({"messages": messages, "images": ["a.png", "b.png"][:pictures]})
    rows[-1]["objects"] = {"ref": [], "bbox": [[10.0, 20.0, 300.0, 200.0]], "bbox_type": "real"}  # type: ignore[assignment]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in reversed(rows)))
    run = subprocess.run(
        [sys.executable, PROGRAMS / "load_rows.py", tiny_model, file],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    seen = json.loads(run.stdout)["rows"]
    assert mark(30, 90, 901, 901) in seen[0]["label"]
    for number, row in enumerate(reversed(rows)):
        single = tmp_path / f"{number}.jsonl"
        row["images"] = [str(tmp_path / str(name)) for name in row["images"]]
        single.write_text(json.dumps(row))
        result = CliRunner().invoke(
            app, ["data", "stats", str(single), "--model", str(tiny_model), "--format", "json"]
        )
        tokens = json.loads(result.stdout)["tokens"]
        assert tokens["exact"]
        assert tokens["total"]["sum"] == seen[number]["length"]
        assert tokens["vision"]["sum"] == seen[number]["pads"]
