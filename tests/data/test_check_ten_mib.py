"""Predictions for rows past the first 10 MiB; tests/real_swift observes the same files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.data_rows import found_in, long_file, png
from support.ten_mib import TRAPS


@pytest.mark.parametrize(("name", "first", "later", "rule"), TRAPS, ids=[t[0] for t in TRAPS])
def test_one_row_beyond_the_first_10_mib(
    name: str, first: dict[str, Any], later: dict[str, Any], rule: str | None, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    file = long_file(tmp_path / "train.jsonl", first, later)
    found = [one for one in found_in(file) if one.rule.startswith("file.")]
    assert [one.rule for one in found] == ([rule] if rule else [])
    if found:
        lines = file.read_text().splitlines()
        line = next(number for number, text in enumerate(lines, 1) if text != lines[0])
        assert found[0].line == found[0].row == line
