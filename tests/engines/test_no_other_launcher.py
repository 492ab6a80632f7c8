"""Engines are vlft's own: no other launcher is needed, or even known."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

import vlft

OTHERS = {"torchx", "torchx-nightly", "submitit", "nemo-run", "nemo_run", "ray", "skypilot"}


def test_none_is_required() -> None:
    required = {re.match(r"[\w.-]+", line)[0].lower() for line in requires("vlft") or ()}  # type: ignore[index]
    assert "typer" in required
    assert not required & OTHERS


def test_none_is_imported() -> None:
    imports = re.compile(
        rf"^\s*(?:import|from) ({'|'.join(map(re.escape, OTHERS))})\b", re.MULTILINE
    )
    files = list(Path(vlft.__file__).parent.rglob("*.py"))
    assert len(files) > 100
    assert [file for file in files if imports.search(file.read_text())] == []
