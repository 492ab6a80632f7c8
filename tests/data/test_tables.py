"""CSV and Parquet, read by `vlft data convert` and `vlft data stats` as by the check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.data_rows import png, rules_in, talk


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """The same two rows as CSV and as Parquet, and their picture."""
    from pyarrow import Table, parquet

    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "rows.csv").write_text('query,response,images\n<image>q,yes,a.png\n"a, b",7 x,\n')
    rows = [talk("<image>q", "yes", images=["a.png"]), talk("a, b", "7 x", images=None)]
    parquet.write_table(Table.from_pylist(rows), tmp_path / "rows.parquet")
    return tmp_path


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_tables_become_rows_that_load_whole(vlft: Any, tables: Path, name: str) -> None:
    done = vlft("data", "convert", name, "--output", "new.jsonl")
    assert done.code == 0
    rows = [json.loads(line) for line in (tables / "new.jsonl").read_text().splitlines()]
    assert rows[0] == talk("<image>q", "yes", images=["a.png"])
    assert rows[1]["messages"] == talk("a, b", "7 x")["messages"]
    assert rules_in(tables / "new.jsonl") == []


def test_tables_are_measured_with_all_their_rows(vlft: Any, tables: Path) -> None:
    words = ("--model", "qwen2_vl", "--format", "json")
    done = vlft("data", "stats", "rows.csv", "rows.parquet#1", *words)
    assert done.code == 0
    told = json.loads(done.out)
    assert told["rows"] == 4
    alone = json.loads(vlft("data", "stats", "rows.csv", *words).out)
    again = json.loads(vlft("data", "stats", "rows.parquet", *words).out)
    assert {**alone, "files": None} == {**again, "files": None}


def test_a_damaged_table_is_told_with_its_line(vlft: Any, tables: Path) -> None:
    (tables / "rows.csv").write_text("query,response\nq,a\nq,a,b\n")
    done = vlft("data", "stats", "rows.csv")
    assert done.code == 2
    assert "rows.csv line 3: the row has 3 fields" in done.err


def test_pictures_in_a_table_are_written_once_each(vlft: Any, tables: Path) -> None:
    from pyarrow import Table, parquet

    one, other = ({"bytes": png(width), "path": None} for width in (640, 320))
    rows = [talk("<image>q", images=[inside]) for inside in (one, other, one)]
    rows.append(talk("<image>q", images=[{"bytes": b"no picture", "path": None}]))
    parquet.write_table(Table.from_pylist(rows), tables / "in.parquet")
    done = vlft("data", "convert", "in.parquet", "--output", "out.jsonl")
    assert done.code == 1, "one row has no picture"
    written = [json.loads(line) for line in (tables / "out.jsonl").read_text().splitlines()]
    named = [Path(row["images"][0]) for row in written]
    assert named[0] == named[2] != named[1]
    assert sorted(named[0].parent.iterdir()) == sorted(set(named))
    assert named[0].parent == tables / "out.images"
    assert named[0].read_bytes() == png(640)
    assert "the bytes of a picture are no picture" in (tables / "out.rejected.jsonl").read_text()
    assert rules_in(tables / "out.jsonl") == [("row.duplicate", 3)]


def test_pictures_of_a_table_that_breaks_off_are_taken_away(vlft: Any, tables: Path) -> None:
    from pyarrow import Table, parquet

    rows = [talk("<image>q", images=[{"bytes": png(), "path": None}])]
    parquet.write_table(Table.from_pylist(rows), tables / "in.parquet")
    (tables / "bad.csv").write_text("query,response\nq,a\nq,a,b\n")
    done = vlft("data", "convert", "in.parquet", "bad.csv", "--output", "out.jsonl")
    assert done.code == 2
    assert not (tables / "out.images").exists()
    assert not (tables / "out.jsonl").exists()
