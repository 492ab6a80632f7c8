"""Points of the oracle that stand in tests/estimate/points."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "points"


def points(name: str) -> list[dict[str, Any]]:
    """Rows of a file, each with the folder of its model."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return [row | {"model_dir": str(FOLDER / "models" / row["model"])} for row in rows]


def config(model: str) -> dict[str, Any]:
    """The config.json of a model there."""
    text = (FOLDER / "models" / model / "config.json").read_text(encoding="utf-8")
    return dict(json.loads(text))
