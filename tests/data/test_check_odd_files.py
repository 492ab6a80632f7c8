"""Forms of files whose fate is chance, or takes several processes: what is said of them."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from support.data_rows import png, rules_in, talk, write

from vlft.data.check import check_files
from vlft.data.findings import RowFinding
from vlft.data.settings import CheckSettings
from vlft.models import FAMILIES, Family

BOXED = {"images": ["a.png"], "objects": {"ref": [], "bbox": [[1, 2, 3, 4]]}}
HOLLOW = {"images": ["a.png"], "objects": {"ref": [], "bbox": [[None, 2, 3, 4]]}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(png())
    return tmp_path


def boxed(more: dict[str, Any]) -> dict[str, Any]:
    return talk("<image>w", "<bbox>", **more)


def test_numbers_after_a_first_null_are_left_to_chance(folder: Path) -> None:
    file = write(folder / "first.jsonl", boxed(HOLLOW), boxed(BOXED))
    assert rules_in(file) == [("row.null-first", 1)]


def test_a_null_is_only_a_null_once_a_number_was_seen(folder: Path) -> None:
    file = write(folder / "later.jsonl", boxed(BOXED), boxed(HOLLOW))
    assert rules_in(file) == [("row.unreadable", 2)]


def test_each_ten_mib_begin_anew(folder: Path) -> None:
    """A null first in the second piece is miscounted, whatever the first piece had."""
    rows = [boxed(BOXED | {"note": "x" * 2000 + str(number)}) for number in range(5200)]
    rows.append(boxed(HOLLOW | {"note": "y"}))
    file = write(folder / "long.jsonl", *rows, boxed(BOXED))
    assert rules_in(file) == [("row.unreadable", 5201)]
    at = next(
        number
        for number, end in enumerate(_ends(rows), 1)
        if end > 10 << 20  # the row that crosses it still belongs to the first piece
    )
    rows.insert(at, rows.pop())
    file = write(folder / "begins.jsonl", *rows, boxed(BOXED))
    assert rules_in(file) == [("row.null-first", at + 1)]


def _ends(rows: list[dict[str, Any]]) -> list[int]:
    found, size = [], 0
    for row in rows:
        size += len(json.dumps(row, ensure_ascii=False).encode()) + 1
        found.append(size)
    return found


@pytest.mark.parametrize(
    ("pack", "name"), [(bz2.compress, "bzip2"), (lzma.compress, "xz")], ids=["bzip2", "xz"]
)
def test_what_is_packed_otherwise_than_with_gzip_is_not_judged(
    pack: Any, name: str, tmp_path: Path
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(pack(json.dumps(talk()).encode() + b"\n"))
    (found,) = findings(file)
    assert (found.rule, found.fate, found.message) == (
        "file.compressed",
        "unknown",
        f"the content is {name}",
    )


def test_rows_of_a_packed_file_are_judged_and_its_trap_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [talk(), talk("q", None)]
    file.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    assert rules_in(file) == [("file.unpacked-copy", None), ("row.null-content", 2)]


def findings(file: Path, **options: Any) -> list[RowFinding]:
    with check_files([str(file)], CheckSettings(cwd=file.parent, **options)) as report:
        return list(report.findings)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.swift_model_type)
def test_mixed_rows_under_zero_3_cost_known_families_a_blank_picture(
    family: Family, folder: Path
) -> None:
    file = write(folder / "mixed.jsonl", talk(), talk("<image>q", images=["a.png"]), talk("r"))
    (found,) = findings(file, zero3=True, family=family)
    assert (found.rule, found.severity, found.fate) == ("file.zero3-blank", "info", "ok")
    assert found.message.startswith("rows with pictures (1) and without (2) under ZeRO-3")
    assert findings(file, zero3=False, family=family) == []


def test_mixed_rows_under_zero_3_may_hang_other_models(folder: Path) -> None:
    plain, seen = talk(), talk("<image>q", images=["a.png"])
    (found,) = findings(write(folder / "mixed.jsonl", plain, seen), zero3=True)
    assert (found.rule, found.severity) == ("file.zero3-mixed", "warning")
    assert "zero2" in str(found.hint)
    assert findings(write(folder / "plain.jsonl", plain), zero3=True) == []
    assert findings(write(folder / "seen.jsonl", seen), zero3=True) == []


def test_rows_of_all_training_files_count_together(folder: Path) -> None:
    names = ["plain.jsonl", "seen.jsonl"]
    write(folder / names[0], talk())
    write(folder / names[1], talk("<image>q", images=["a.png"]))
    settings = CheckSettings(cwd=folder, zero3=True)
    with check_files(names, settings) as report:
        assert [found.rule for found in report.findings] == ["file.zero3-mixed"]
    with check_files(names[:1], settings, val=names[1:]) as report:
        assert [found.rule for found in report.findings] == []


def test_strict_ends_the_run_at_the_first_row_that_is_lost(folder: Path) -> None:
    file = write(folder / "rows.jsonl", talk(), talk("q", None))
    (found,) = findings(file, strict=True)
    assert (found.rule, found.row, found.fate) == ("row.null-content", 2, "load_fails")
    assert found.message.endswith("(strict: true ends the run here)")


def test_rows_encoded_before_training_are_dropped_not_replaced(folder: Path) -> None:
    file = write(folder / "rows.jsonl", talk(), talk("<image>q", images=["no.png"]))
    fates = [[found.fate for found in findings(file, lazy=lazy)] for lazy in (True, False)]
    assert fates == [["replaced"], ["dropped"]]


def test_a_limit_of_a_row_that_is_no_number_replaces_it(folder: Path) -> None:
    row = talk("<image>q", images=["a.png"], chat_template_kwargs={"max_pixels": "x"})
    (found,) = findings(write(folder / "rows.jsonl", row, talk()), family=FAMILIES[0])
    assert (found.rule, found.row, found.fate) == ("row.unencodable", 1, "replaced")
