"""Rows of data files in `vlft validate` and `vlft train`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

GOOD = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


@pytest.fixture
def rows(tmp_path: Path, write_config: Any) -> Any:
    """Writes a config whose data are the given rows."""

    def write(*given: Any) -> Path:
        (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in given))
        file: Path = write_config("launch: {gpus: none}\n")
        return file

    return write


def found(done: Any) -> list[dict[str, Any]]:
    return list(json.loads(done.out)["files"][0]["findings"])


def test_a_misspelt_column_is_found_in_a_glance(vlft: Any, rows: Any) -> None:
    config = rows({**GOOD, "image_path": ["a.jpg"]}, GOOD)
    done = vlft("validate", str(config), "--format", "json")
    assert done.code == 1
    (finding,) = found(done)
    assert finding["rule"] == "row.lost-column"
    assert finding["path"] == "data.train[0]"
    assert "train.jsonl line 1" in finding["message"]
    assert finding["line"] == 4
    assert vlft("validate", str(config), "--data", "none").code == 0


def test_the_full_check_sees_every_row_and_counts_them(vlft: Any, rows: Any) -> None:
    bad = {"messages": [{"role": "user", "content": "a<|im_end|>"}, GOOD["messages"][1]]}
    unique = [
        {"messages": [{"role": "user", "content": str(i)}, GOOD["messages"][1]]} for i in range(400)
    ]
    config = rows(*unique, bad, bad)
    done = vlft("validate", str(config), "--data", "full", "--format", "json")
    assert done.code == 1
    special = [one for one in found(done) if one["rule"] == "row.special-token"]
    assert len(special) == 1
    assert "line 401" in special[0]["message"]
    assert "(1 more row like this" in special[0]["message"]


def test_training_looks_at_every_row_first(vlft: Any, rows: Any) -> None:
    unique = [
        {"messages": [{"role": "user", "content": str(i)}, GOOD["messages"][1]]} for i in range(400)
    ]
    config = rows(*unique, {"messages": []})
    refused = vlft("train", str(config))
    assert refused.code == 1
    assert "train.jsonl line 401" in refused.err


def test_a_verdict_is_kept_until_the_file_changes(vlft: Any, rows: Any, tmp_path: Path) -> None:
    config = rows(GOOD, {"messages": []})
    words = ("validate", str(config), "--data", "full", "--format", "json")
    cache = str(tmp_path / "cache")
    first = found(vlft(*words, XDG_CACHE_HOME=cache))
    (kept,) = (tmp_path / "cache" / "vlft" / "data").iterdir()
    assert first
    # What is kept is what is said, as long as the file is the same.
    kept.write_text(json.dumps({"told": []}))
    assert found(vlft(*words, XDG_CACHE_HOME=cache)) == []
    rows(GOOD, {"messages": []}, GOOD)
    again = found(vlft(*words, XDG_CACHE_HOME=cache))
    assert first[0]["rule"] in [one["rule"] for one in again]


def test_a_comment_on_the_line_of_the_data_serves_its_rows(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    write_config()
    (tmp_path / "train.jsonl").write_text(json.dumps({**GOOD, "image_path": ["a.jpg"]}) + "\n")
    file = tmp_path / "config.yaml"
    text = file.read_text().replace(
        "train: [train.jsonl]", "train: [train.jsonl]  # vlft: ignore[row.lost-column] not used"
    )
    file.write_text(text)
    assert vlft("validate", "config.yaml", "--strict").code == 0
    assert vlft("validate", "config.yaml", "--strict", "--data", "none").code == 0


def test_rows_of_two_kinds_under_zero_3(vlft: Any, write_config: Any, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (64, 64)).save(tmp_path / "a.png")
    seen = {**GOOD, "images": ["a.png"]}
    seen["messages"] = [{"role": "user", "content": "<image>a"}, GOOD["messages"][1]]
    file = write_config("deepspeed: zero3\n")
    (tmp_path / "train.jsonl").write_text(json.dumps(seen) + "\n" + json.dumps(GOOD) + "\n")
    for data in ("quick", "full"):
        done = vlft("validate", str(file), "--data", data, "--format", "json")
        said = [one for one in found(done) if one["rule"].startswith("file.zero3")]
        assert [one["path"] for one in said] == ["data.train[0]"]
        assert "with pictures (1) and without (1)" in said[0]["message"]
    done = vlft("data", "check", "--config", str(file), "--format", "json")
    assert "file.zero3" in str(json.loads(done.out)["counts"])


@pytest.mark.parametrize(
    ("arguments", "fate"),
    [
        ("{}", "replaced"),
        ("{lazy_tokenize: false}", "dropped"),
        ("{group_by_length: true}", "dropped"),
        ("{packing: true}", "dropped"),
        ("{strict: true}", "load_fails"),
    ],
)
def test_arguments_of_the_run_decide_about_a_lost_row(
    arguments: str, fate: str, vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    file = write_config(f"swift: {arguments}\n")
    lost = {"messages": [{"role": "user", "content": "<image>a"}, GOOD["messages"][1]]}
    rows = [GOOD, lost | {"images": ["no.png"]}]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = vlft("data", "check", "--config", str(file), "--format", "json")
    (finding,) = json.loads(done.out)["findings"]
    assert (finding["rule"], finding["row"], finding["fate"]) == ("row.media-missing", 2, fate)


def test_a_run_without_a_max_length_has_the_models(
    vlft: Any, write_config: Any, model_folder: Path, tmp_path: Path
) -> None:
    about = model_folder / "config.json"
    config = json.loads(about.read_text()) | {"max_position_embeddings": 4096}
    about.write_text(json.dumps(config))
    file = write_config()
    long = {"messages": [{"role": "user", "content": "é " * 9_000}, GOOD["messages"][1]]}
    (tmp_path / "train.jsonl").write_text(json.dumps(GOOD) + "\n" + json.dumps(long) + "\n")
    done = vlft("data", "check", "--config", str(file), "--format", "json")
    (finding,) = json.loads(done.out)["findings"]
    # The folder has no tokenizer: that the row is too long can't be known.
    assert (finding["rule"], finding["row"]) == ("row.length-unknown", 2)
    assert "whether 4096 are enough" in finding["hint"]
