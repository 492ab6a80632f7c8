"""`vlft import` as a script is started: variables before it, words behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlft.importer.launchers import Start, script_of


@pytest.mark.parametrize(
    ("words", "start"),
    [
        (["train.sh"], Start()),
        (["bash", "train.sh", "2b", "--fast"], Start(("2b", "--fast"))),
        (["LR=1e-4", "NAME=a=b", "sh", "train.sh"], Start(None, {"LR": "1e-4", "NAME": "a=b"})),
        (["A=", "run", "x"], Start(("x",), {"A": ""})),
        (["LR=1e-4", "swift", "sft"], None),
        (["data.jsonl"], None),
        (["bash", "nowhere.sh"], None),
        (["train.sh.txt"], None),
        ([], None),
        (["A=1"], None),
    ],
)
def test_the_script_in_a_command(
    words: list[str], start: Start | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("train.sh").write_text("swift sft\n")
    Path("run").write_text("#!/usr/bin/env bash\nswift sft\n")
    Path("data.jsonl").write_text("{}\n")
    found = script_of(words)
    assert (found[1] if found is not None else None) == start
