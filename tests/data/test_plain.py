"""The short cut of `vlft validate`: what it takes for plain, the quick check has no word for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlft.data.plain import is_plain
from vlft.data.quick import quick_check
from vlft.data.settings import CheckSettings

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
        "objects": st.just({}),
    },
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("plain")
    (made / "a.png").write_bytes(b"picture")
    return made


@given(rows=st.lists(ROWS, min_size=1, max_size=4))
def test_nothing_is_said_of_what_is_plain(folder: Path, rows: list[Any]) -> None:
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    if is_plain(file, folder, None):
        assert quick_check([str(file)], CheckSettings(cwd=folder)) == []


GOOD = {
    "messages": [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "<image>what?"},
        {"role": "assistant", "content": "this"},
        {"role": "user", "content": "and?"},
        {"role": "assistant", "content": "that"},
    ],
    "images": ["a.png"],
}


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (json.dumps(GOOD), True),
        ((json.dumps(GOOD) + "\n") * 500, True),
        (json.dumps(GOOD) + "\n\n" + json.dumps(GOOD), True),
        (json.dumps(GOOD)[:-1], False),
        (json.dumps(GOOD).replace("a.png", "b.png"), False),
        (json.dumps(GOOD).replace('"images"', '"pictures"'), False),
        (json.dumps(GOOD).replace('"images": [', '"images": [], "images": ['), False),
        (json.dumps([GOOD]), False),
        ("", False),
        ("\ufeff" + json.dumps(GOOD), False),
    ],
)
def test_plain_and_not(folder: Path, text: str, plain: bool) -> None:
    file = folder / "case.jsonl"
    file.write_text(text)
    assert is_plain(file, folder, None) is plain
