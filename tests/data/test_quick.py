"""The quick check of `vlft validate` says of its rows what the check of whole files says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data_rows import found_in, png, talk, write

from vlft.data.check import quick_check
from vlft.data.settings import CheckSettings
from vlft.models import family_of

if TYPE_CHECKING:
    from pathlib import Path

    from vlft.data.findings import RowFinding

TEXTS = st.sampled_from(
    ["a", "<image>", "x <image> y", " ", "", "<|im_end|>", "<img>a.png</img>", "2 < 3", "<video>",
     "\\ud800", "ünïcode", "<bbox>", "a\nb"]
)  # fmt: skip
ROLES = st.sampled_from(["user", "assistant", "system", "human", "tool"])
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": ROLES, "content": TEXTS | st.none() | st.just(["part"])}),
    max_size=5,
) | st.just([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}])
ROWS = st.fixed_dictionaries(
    {"messages": MESSAGES},
    optional={
        "images": st.lists(st.sampled_from(["a.png", "no.png", " a.png", 3, None]), max_size=2)
        | st.just("a.png"),
        "image": st.just("a.png"),
        "objects": st.just({}) | st.just({"ref": [], "bbox": [[1, 2, 3, 4]]}),
    },
)
OF_WHOLE_FILES = {"file.all-rows-lost", "file.image-forms", "row.duplicate"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("quick")
    (made / "a.png").write_bytes(png())
    return made


def quick(file: Path) -> list[RowFinding]:
    return quick_check([str(file)], CheckSettings(cwd=file.parent, family=family_of("qwen2_vl")))


@given(rows=st.lists(ROWS, min_size=1, max_size=4))
def test_it_says_what_the_whole_check_says(folder: Path, rows: list[Any]) -> None:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert quick(file) == [one for one in found_in(file) if one.rule not in OF_WHOLE_FILES]


def test_rows_further_on_are_judged_by_all_that_is_read(folder: Path) -> None:
    rows = [talk(f"question {n}") for n in range(2000)]
    rows[1000:] = [talk("<image>q", images=["a.png"])] * 1000
    assert quick(write(folder / "pictures.jsonl", *rows)) == []
    rows[1000:] = [talk("<image>q", images=["no.png"])] * 1000
    found = quick(write(folder / "none.jsonl", *rows))
    assert {(one.rule, one.row) for one in found} == {("row.media-missing", None)}


def test_no_picture_is_opened(folder: Path) -> None:
    (folder / "odd.png").write_bytes(b"no picture")
    file = write(folder / "odd.jsonl", talk("<image>q", images=["odd.png"]))
    assert quick(file) == []
    assert [one.rule for one in found_in(file)] == ["row.not-an-image"]
    (folder / "empty.png").touch()
    file = write(folder / "empty.jsonl", talk("<image>q", images=["empty.png"]))
    assert [one.rule for one in quick(file)] == ["row.media-empty"]
