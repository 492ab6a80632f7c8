"""What `vlft data check` prints, and how it ends."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.data_rows import found_in, png, rules_in, talk, write

from vlft.data.check import quick_check
from vlft.data.rules import ROW_RULES
from vlft.data.settings import CheckSettings

if TYPE_CHECKING:  # several folders have a module of this name
    from conftest import Vlft


@pytest.fixture
def good(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(png())
    rows = [talk(f"<image>q {n}", f"a {n}", images=["a.png"]) for n in range(20)]
    return write(tmp_path / "good.jsonl", *rows)


def test_a_good_file_gives_one_line(good: Path, vlft: Vlft) -> None:
    done = vlft("data", "check", good.name)
    assert (done.code, done.out, done.err) == (0, "20 rows: ok\n", "")


def test_findings_are_grouped_by_rule(good: Path, vlft: Vlft, tmp_path: Path) -> None:
    bad = [talk("<image>q", images=[f"no{n}.png"]) for n in range(9)]
    write(tmp_path / "bad.jsonl", *bad)
    done = vlft("data", "check", "bad.jsonl")
    assert done.code == 1
    assert "error: 9 rows, another row is trained on in its place [row.media-missing]" in done.out
    assert "bad.jsonl:1: row 1: there is no file no0.png" in done.out
    assert "… and 6 more" in done.out
    assert done.out.endswith("9 rows: 9 errors\n")


def test_json_holds_every_finding(vlft: Vlft, tmp_path: Path) -> None:
    write(tmp_path / "bad.jsonl", *[talk("q", None)] * 3, talk())
    done = vlft("data", "check", "bad.jsonl", "--format", "json")
    report = json.loads(done.out)
    assert report["rows"] == 4
    assert report["files"] == ["bad.jsonl"]
    assert report["counts"] == {"row.null-content": 3, "row.duplicate": 2}
    assert report["findings"][0] == {
        "rule": "row.null-content",
        "severity": "error",
        "file": "bad.jsonl",
        "line": 1,
        "column": None,
        "path": "messages.1.content",
        "message": "message 1 (assistant) has null for its content",
        "hint": "write the text, or leave the message out",
        "row": 1,
        "fate": "dropped",
    }


def test_warnings_fail_only_with_strict(good: Path, vlft: Vlft, tmp_path: Path) -> None:
    write(tmp_path / "warn.jsonl", talk("q", ""))
    assert vlft("data", "check", "warn.jsonl").code == 0
    assert vlft("data", "check", "warn.jsonl", "--strict").code == 1
    ignored = vlft("data", "check", "warn.jsonl", "--strict", "--ignore", "row.empty-answer")
    assert (ignored.code, ignored.out) == (0, "1 row: ok\n")


def test_usage(vlft: Vlft, good: Path) -> None:
    assert vlft("data", "check").code == 2
    assert vlft("data", "check", good.name, "--ignore", "row.nothing").code == 2
    assert vlft("data", "check", good.name, "--model", "nothing").code == 2


def test_a_config_brings_files_and_limits(good: Path, vlft: Vlft, write_config: Any) -> None:
    write_config("launch: {gpus: none}\npixels: {max: 64*28*28}\n")
    done = vlft("data", "check", "--config", "config.yaml", "--set", "data.train=[good.jsonl]")
    assert (done.code, done.out) == (0, "20 rows: ok\n"), done.err
    done = vlft("data", "check", good.name, "--model", "qwen2_vl", "--max-length", "50")
    assert "[row.too-long]" in done.out


def test_rules_can_be_explained(vlft: Vlft) -> None:
    assert "without it: ms-swift deletes the row" in vlft("explain", "row.role").out
    assert set(ROW_RULES) <= {
        line.split()[0] for line in vlft("explain", "--list").out.split("\n") if line
    }


def test_names_of_files(good: Path, tmp_path: Path) -> None:
    assert rules_in(tmp_path / "no.jsonl") == [("file.missing", None)]
    assert rules_in(tmp_path) == rules_in(Path("hf::swift/rows")) == [("file.hub", None)]
    assert rules_in(Path(f"{good}#10")) == []
    assert rules_in(Path(f"{good}#50")) == [("file.repeats", None)]
    packed = tmp_path / "good.jsonl.gz"
    packed.write_bytes(gzip.compress(good.read_bytes()))
    assert rules_in(packed) == [("file.format", None)]
    renamed = shutil.copy(packed, tmp_path / "packed.jsonl")
    assert rules_in(Path(renamed)) == [("file.unpacked-copy", None)]


def test_rows_that_stand_twice(good: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "twice.jsonl", talk("x"), talk("y"), talk("x"), talk("x"))
    assert rules_in(file) == [("row.duplicate", 3), ("row.duplicate", 4)]


def test_leaks(good: Path, tmp_path: Path) -> None:
    shutil.copy(tmp_path / "a.png", tmp_path / "b.png")
    first = json.loads(good.read_text().splitlines()[4])
    val = write(tmp_path / "val.jsonl", talk("new"), first, talk("<image>z", images=["b.png"]))
    found = found_in(good, val=[str(val)])
    assert [(one.rule, one.row) for one in found] == [
        ("row.leak", 2),
        ("row.leaked-picture", 2),
        ("row.leaked-picture", 3),
    ]
    assert "row 5 of" in found[0].message


def test_a_finding_and_a_duplicate_far_into_a_large_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    text = "word " * 2000
    rows = [talk(f"<image>{text} {n}", images=["a.png"]) for n in range(6000)]
    rows[3000] = talk("q", "")
    rows[5999] = rows[7]
    file = write(tmp_path / "large.jsonl", *rows)
    assert [(one.rule, one.line) for one in found_in(file)] == [
        ("row.empty-answer", 3001),
        ("row.duplicate", 6000),
    ]


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.Table.from_pylist([talk(), talk("q", "")])
    parquet.write_table(table, tmp_path / "rows.parquet")
    assert rules_in(tmp_path / "rows.parquet") == [("row.empty-answer", 2)]


def test_the_quick_part(good: Path, tmp_path: Path) -> None:
    settings = CheckSettings(cwd=tmp_path)
    assert quick_check([good.name], settings) == []
    bad = write(tmp_path / "bad.jsonl", talk("<image>q", images=["no.png"]), talk("q", None))
    found = quick_check([bad.name, "no.jsonl"], settings)
    assert [one.rule for one in found] == ["row.media-missing", "row.null-content", "file.missing"]
