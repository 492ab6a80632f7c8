"""Rows to calibrate on: the same ones every time, pictures among them in their share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vlft.export.calibration import has_media, select
from vlft.files import read_rows


def rows(plain: int, vision: int) -> list[dict[str, Any]]:
    texts = [{"messages": [{"role": "user", "content": f"t{i}"}]} for i in range(plain)]
    pictures = [
        {"messages": [{"role": "user", "content": f"<image>p{i}"}], "images": [f"{i}.png"]}
        for i in range(vision)
    ]
    return texts + pictures


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 80), st.randoms())
def test_a_fixed_choice_in_the_share_of_the_data(
    plain: int, vision: int, count: int, chance: Any
) -> None:
    data = rows(plain, vision)
    found = select(data, count, ())
    shuffled = list(data)
    chance.shuffle(shuffled)
    assert select(shuffled, count, ()) == found, "the order of the file makes no difference"
    taken = min(count, plain + vision)
    assert len(found.rows) == taken
    assert found.source == plain + vision
    assert found.vision == sum(map(has_media, found.rows))
    assert all(row in data for row in found.rows)
    if taken:
        assert abs(found.vision - taken * vision / (plain + vision)) <= 1
    if taken > 1:
        assert (found.vision > 0) == (vision > 0)
        assert (found.vision < taken) == (plain > 0)


def test_pictures_are_found_from_anywhere(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.png").touch()
    row = {"images": ["a.png", {"path": "a.png"}, "https://x/y.png", "none.png"]}
    found = select([row], 1, (tmp_path, tmp_path / "data"))
    here = str(tmp_path / "data" / "a.png")
    assert found.rows[0]["images"] == [here, {"path": here}, "https://x/y.png", "none.png"]


def test_lines_that_are_no_rows_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    good = {"messages": []}
    file.write_text(f"\ufeff{json.dumps(good)}\n\n[1]\n{{broken\n{json.dumps(good)}\n")
    assert list(read_rows(file)) == [good, good]
    assert has_media({"messages": [{"role": "user", "content": [{"type": "image", "image": "x"}]}]})
    assert not has_media({"messages": [{"role": "user", "content": [{"type": "text"}]}]})
