"""Files in and out: nothing lost, nothing half, the inputs as they were."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from vlft.cli import app
from vlft.data.convert.draft import Change
from vlft.data.convert.rows import parse, read_rows
from vlft.data.convert.run import Task, convert_files

V2 = {"query": "q", "response": "r"}
ROW = {
    "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}],
}


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    )
    return path


def task(folder: Path, *inputs: Path, fix: bool = False, report: bool = False) -> Task:
    return Task(
        inputs,
        folder / "out.jsonl",
        "auto",
        fix,
        folder / "report.jsonl" if report else None,
        folder,
        None,
    )


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["data", "convert", *map(str, arguments)])
    return result.exit_code, result.stdout, str(result.exception or "")


def test_rows_that_fail_are_kept_byte_for_byte(tmp_path: Path) -> None:
    bad = [
        b'{"query": "q", "response":  null}',
        b"{broken \\ \xe2\x82\xac",
        b'{"query": "\xff"}',
        b'{"query": "q", "query": "p", "response": "r"}',
        b'{"query": "\\ud800", "response": "r"}',
        b"[1, 2]",
    ]
    source = tmp_path / "in.jsonl"
    source.write_bytes(b"\xef\xbb\xbf" + b"\r\n\n".join([*bad, json.dumps(V2).encode()]))
    report = convert_files(task(tmp_path, source), lambda _: None)
    assert (report.rows, report.written, report.refused) == (7, 1, 6)
    kept = lines(tmp_path / "out.rejected.jsonl")
    originals = [
        one["original"].encode() if "original" in one else base64.b64decode(one["original_base64"])
        for one in kept
    ]
    assert originals == bad
    assert [one["row"] for one in kept] == [1, 2, 3, 4, 5, 6]
    assert [one["line"] for one in kept] == [1, 3, 5, 7, 9, 11]
    assert "query is there twice" in kept[3]["reason"]
    assert lines(tmp_path / "out.jsonl") == [ROW]


def test_values_that_no_row_can_hold(tmp_path: Path) -> None:
    deep = json.dumps({**V2, "chat_template_kwargs": 1}).replace("1}", "[" * 900 + "]" * 900 + "}")
    box = {**V2, "query": "<bbox>", "objects": [{"bbox": [1, 2, 3, 4], "caption": "x"}]}
    rows = [V2, {**V2, "label": 10**30}, deep, json.dumps(box).replace("4]", "1e999]")]
    source = write_lines(tmp_path / "in.jsonl", rows)
    report = convert_files(task(tmp_path, source, report=True), lambda _: None)
    assert report.rows == 4
    assert report.written + report.refused == 4
    assert any("without end" in reason for reason in report.rejected)


def test_a_json_array(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_text(json.dumps([V2, {"query": 'a "]" , [b', "response": "{"}, 7, V2], indent=1))
    report = convert_files(task(tmp_path, source), lambda _: None)
    assert (report.rows, report.written) == (4, 3)
    assert lines(tmp_path / "out.jsonl")[1]["messages"][0]["content"] == 'a "]" , [b'
    assert lines(tmp_path / "out.rejected.jsonl")[0]["original"] == "7"


def test_an_array_that_breaks_off(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_text(json.dumps([V2, V2, V2])[:-8])
    report = convert_files(task(tmp_path, source), lambda _: None)
    assert (report.rows, report.written, report.refused) == (3, 2, 1)


json_rows = st.lists(
    st.dictionaries(
        st.text(max_size=5), st.text(max_size=9) | st.lists(st.integers(), max_size=2), max_size=3
    ),
    max_size=6,
)


@given(json_rows, st.sampled_from([None, 1]), st.sampled_from(["", " ", "\n\n"]))
def test_every_array_is_split_where_it_should_be(rows: Any, indent: Any, space: str) -> None:
    path = Path(os.environ["XDG_CACHE_HOME"]).parent / "array.json"
    path.write_text(space + json.dumps(rows, indent=indent) + space)
    assert [parse(one.raw) for one in read_rows(path)] == rows


def test_packed_files(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl.gz"
    source.write_bytes(gzip.compress(json.dumps(V2).encode()))
    assert convert_files(task(tmp_path, source), lambda _: None).written == 1


def test_the_first_rows_show_every_column(tmp_path: Path) -> None:
    """`datasets` fixes columns and types by the first 10 MiB."""
    pair = {"query": "<image>q", "response": "<bbox>", "images": ["a"]}
    weighted = [*ROW["messages"][:1], {"role": "assistant", "content": "r", "weight": 0}]
    source = write_lines(
        tmp_path / "in.jsonl",
        [
            *[V2] * 40,
            {"query": "<image>q", "response": "r", "images": ["a"]},
            *[V2] * 40,
            {**pair, "objects": [{"caption": "x", "bbox": [1, 2, 3, 4]}]},
            {"messages": weighted},
            *[V2] * 3,
        ],
    )
    report = convert_files(task(tmp_path, source), lambda _: None)
    rows = lines(tmp_path / "out.jsonl")
    assert len(rows) == report.written == 86
    top = rows[:4]
    assert top[0] == ROW
    assert {key for row in top for key in row} == {"messages", "images", "objects"}
    assert any("loss" in message for row in top for message in row["messages"])
    assert all(row == ROW for row in rows[4:])
    assert report.changes[Change.MOVED_FIRST].count == 3
    assert report.changes[Change.MOVED_FIRST].first_rows == [41, 82, 83]


def test_it_is_deterministic(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [V2, ROW, {**V2, "images": ["b"]}, "x"] * 20)
    seen = set()
    for _ in range(2):
        convert_files(task(tmp_path, source, report=True), lambda _: None)
        names = ("out.jsonl", "out.rejected.jsonl", "report.jsonl")
        seen.add(b"|".join((tmp_path / name).read_bytes() for name in names))
    assert len(seen) == 1


def test_the_report_tells_old_and_new_of_each_changed_row(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [V2, ROW, {"query": "q"}])
    convert_files(task(tmp_path, source, report=True), lambda _: None)
    first, refused = lines(tmp_path / "report.jsonl")
    assert (first["row"], first["old"], first["new"]) == (1, V2, ROW)
    assert first["changes"] == ["to-messages"]
    assert (refused["row"], refused["rejected"]) == (3, "there is no answer")


def test_several_files_into_one(tmp_path: Path) -> None:
    one = write_lines(tmp_path / "a.jsonl", [V2, "x"])
    other = write_lines(tmp_path / "b.jsonl", [V2, "y"])
    code, text, _ = run(one, other, "--output", tmp_path / "out.jsonl", "--format", "json")
    found = json.loads(text)
    assert (code, found["rows"], found["written"], found["rejected"]) == (1, 4, 2, 2)
    entries = lines(tmp_path / "out.rejected.jsonl")
    assert [(Path(one["file"]).name, one["row"]) for one in entries] == [
        ("a.jsonl", 2),
        ("b.jsonl", 2),
    ]


def test_good_files_end_with_zero_and_leave_no_reject_file(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [V2])
    (tmp_path / "out.rejected.jsonl").write_text("of an earlier run")
    code, text, _ = run(source, "-o", tmp_path / "out.jsonl")
    assert code == 0
    assert "1 of 1 rows" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_nothing_to_write_is_no_empty_file(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", ["x"])
    code, text, _ = run(source, "-o", tmp_path / "out.jsonl", "--format", "json")
    assert code == 1
    assert json.loads(text)["output"] is None
    assert not (tmp_path / "out.jsonl").exists()


def test_inputs_are_never_written_over(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [V2])
    (tmp_path / "link.jsonl").symlink_to(source)
    (tmp_path / "hard.jsonl").hardlink_to(source)
    before = source.read_bytes()
    for name in ("in.jsonl", "link.jsonl", "hard.jsonl", "../" + tmp_path.name + "/in.jsonl"):
        code, _, error = run(source, "--output", tmp_path / name)
        assert "written over" in error
        assert code
    code, _, error = run(source, "-o", tmp_path / "out.jsonl", "--report", source)
    assert "written over" in error
    rejected = write_lines(tmp_path / "x.rejected.jsonl", [V2])
    assert "written over" in run(rejected, "-o", tmp_path / "x.jsonl")[2]
    assert source.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in.jsonl"], "no output"),
        (["none.jsonl", "-o", "out.jsonl"], "no file"),
        ([".", "-o", "out.jsonl"], "a folder"),
        (["in.jsonl", "--fix", "--from", "openai"], "--fix reads"),
        (["rows.tsv", "-o", "out.jsonl"], "no JSON"),
        (["long.csv", "-o", "out.jsonl"], "long.csv line 3: the row has 3 fields"),
        (["no.parquet", "-o", "out.jsonl"], "not Parquet"),
    ],
)
def test_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "in.jsonl", [V2])
    (tmp_path / "rows.tsv").write_text("a\tb\n1\t2\n")
    (tmp_path / "long.csv").write_text("query,response\nq,a\nq,a,b\n")
    (tmp_path / "no.parquet").write_text("query,response\n")
    assert said in run(*arguments)[2]
    assert not (tmp_path / "out.jsonl").exists()


def test_fix_writes_beside_the_file_and_leaves_it_alone(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "<image>q"}, {"role": "assistant", "content": "r"}]
    unsure = {"messages": turns, "images": ["a", "b"]}
    source = write_lines(
        tmp_path / "train.jsonl",
        [
            ROW,
            {**ROW, "image": "a.jpg"},
            unsure,
            {"messages": [{"role": "user", "content": None}]},
            {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "r"}]},
        ],
    )
    before = source.read_bytes()
    code, text, _ = run(source, "--fix")
    assert code == 1
    assert "left as they are" in text
    assert source.read_bytes() == before
    fixed = lines(tmp_path / "train.corrected.jsonl")
    assert fixed[0] == ROW
    assert fixed[1]["images"] == ["a.jpg"]
    assert fixed[1]["messages"][0]["content"] == "<image>q"
    assert unsure in fixed
    assert fixed[-1] == ROW
    assert len(lines(tmp_path / "train.corrected.rejected.jsonl")) == 1


def test_an_interrupt_leaves_no_half_file(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [V2, "x"] * 50)
    program = (
        "import signal, sys, time; from pathlib import Path\n"
        "from vlft.data.convert.run import *\n"
        # Started in the background of a shell, a process ignores it.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "folder = Path(sys.argv[1])\n"
        "names = [folder / 'in.jsonl'], folder / 'out.jsonl'\n"
        "task = Task(*names, 'auto', False, folder / 'report.jsonl', folder, None)\n"
        "left = iter(range(40))\n"
        "def advance(_):\n"
        "    if next(left, None) is None:\n"
        "        print('busy', flush=True); time.sleep(600)\n"
        "convert_files(task, advance)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"busy\n"
        assert len(list(tmp_path.iterdir())) == 4  # three of them under names of their own
        assert not (tmp_path / "out.jsonl").exists()
        child.send_signal(signal.SIGINT)
        _, error = child.communicate()
    assert child.returncode
    assert b"KeyboardInterrupt" in error
    assert list(tmp_path.iterdir()) == [source]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(rows: int, name: str) -> int:
        source = tmp_path / name
        row = json.dumps({"query": "q" * 200, "response": "r" * 200, "images": ["a.jpg"]})
        if name.endswith("json"):
            source.write_text("[" + ",".join([row] * rows) + "]")
        else:
            source.write_text((row + "\n") * rows)
        tracemalloc.start()
        convert_files(task(tmp_path, source), lambda _: None)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    for name in ("in.jsonl", "in.json"):
        peak(100, name)
        assert peak(8000, name) < peak(1000, name) * 1.5 + 200_000
