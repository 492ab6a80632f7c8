"""The fast way and the exact way through a file say the same."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.data_rows import png, talk, write

from vlft.data.checking.lines import check_lines
from vlft.data.checking.rows import Job, Split
from vlft.data.findings import Sink
from vlft.data.rows.media import new_probe
from vlft.data.settings import CheckSettings
from vlft.models import family_of
from vlft.probe.data_entries import parse_entry


def ways(file: Path, **options: Any) -> list[tuple[Any, ...]]:
    """Findings, rows, hashes of both ways."""
    made = []
    for fast in (True, False):
        settings = CheckSettings(cwd=file.parent, family=family_of("qwen2_vl"), **options)
        source = parse_entry(str(file), file.parent)
        job = Job(source, settings, Sink(settings), new_probe(settings), Split())
        check_lines(job, fast=fast)
        made.append((list(job.sink), job.rows, list(job.split.hashes)))
    return made


TEXTS = st.sampled_from(
    [
        "q",
        "",
        " ",
        "<image>q",
        "<image><image>",
        "a < b",
        '"x"',
        "\\",
        'a\\"b',
        "{{ROUND0}}",
        "<|im_end|>",
        "é",
        "<Image>",
        "<bbox>",
        "2024-01-01",
        "{",
        "word " * 40,
        "\u2028",
        "null",
    ]
) | st.text(max_size=8)
ROLES = st.sampled_from(["user", "assistant", "human", "gpt", "system", "tool", "User"])
MESSAGES = st.lists(
    st.builds(lambda role, content: {"role": role, "content": content}, ROLES, TEXTS), max_size=4
) | st.builds(lambda q, a: talk(q, a)["messages"], TEXTS, TEXTS)
IMAGES = st.none() | st.lists(st.sampled_from(["a.png", "no.png", "<b>.png"]), max_size=2)
ROWS = st.fixed_dictionaries(
    {"messages": MESSAGES},
    optional={"images": IMAGES, "system": st.none() | TEXTS, "id": st.integers(0, 9) | TEXTS},
)
LINES = st.builds(
    lambda row, ascii_only, separators: json.dumps(
        row, ensure_ascii=ascii_only, separators=separators
    ),
    ROWS,
    st.booleans(),
    st.sampled_from([(", ", ": "), (",", ":"), (" , ", " : ")]),
) | st.sampled_from(
    [
        "",
        '{"messages": [], "messages": [{"role": "user", "content": "q"}]}',
        '{"messages": [{"role": "user", "role": "user", "content": "q"}]}',
        '{"messages":[{"role":"","role":"user","content":"q"}],"images":["a.png"]}',
        "null",
        "{",
        '{"messages": [{"role": "user", "content": NaN}]}',
    ]
)


@given(lines=st.lists(LINES, min_size=1, max_size=8), limit=st.none() | st.integers(20, 600))
def test_both_ways_say_the_same(lines: list[str], limit: int | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "a.png").write_bytes(png())
        file = Path(name) / "rows.jsonl"
        plain = json.dumps(talk("<image>q", images=["a.png"]))
        file.write_text("\n".join([plain, *lines]) + "\n", encoding="utf-8", errors="replace")
        fast, exact = ways(file, max_length=limit)
    assert fast == exact


PLAIN = json.dumps(talk("<image>q", "a", images=["a.png"]))
PAIRS = st.builds(
    lambda asked, told, name, ascii_only, separators: json.dumps(
        talk(f"<image>{asked}", told, images=[name]), ensure_ascii=ascii_only, separators=separators
    ),
    TEXTS,
    TEXTS,
    st.sampled_from(["a.png", "a.png", "no.png"]),
    st.booleans(),
    st.sampled_from([(", ", ": "), (", ", ": "), (",", ":")]),
) | st.sampled_from(
    [
        PLAIN.replace("<image>", "\\u003cimage>"),
        PLAIN.replace('"a"', '"a", "content": "b"'),
        PLAIN.replace('"q"', '"q\\\\"'),
        PLAIN.replace(
            '"role": "user", "content": "<image>q"', '"content": "<image>q", "role": "user"'
        ),
        PLAIN.replace('"a"', '"a\t"'),
        PLAIN.replace('"a"', '"\\ud800"'),
        PLAIN.replace('"a"}', '"a"}, {"role": "user", "content": "r"}'),
        PLAIN.replace("<image>q", "q<image>"),
        PLAIN + PLAIN,
    ]
)


@given(odd=PAIRS, count=st.integers(0, 3), limit=st.none() | st.integers(20, 900))
def test_rows_that_are_judged_together_end_as_one_by_one(
    odd: str, count: int, limit: int | None
) -> None:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "a.png").write_bytes(png())
        file = Path(name) / "rows.jsonl"
        lines = [PLAIN, odd, *[PLAIN.replace("q", str(n)) for n in range(count)]]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="replace")
        fast, exact = ways(file, max_length=limit)
    assert fast == exact


def test_plain_rows_take_the_fast_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(png())
    rows = [talk(f"<image>q {n}", images=["a.png"]) for n in range(50)]
    file = write(tmp_path / "rows.jsonl", *rows)
    from vlft.data.checking import rows as module

    judged: list[int] = []
    real = module.RowChecker.check

    def counted(self: Any, *arguments: Any) -> Any:
        judged.append(1)
        return real(self, *arguments)

    monkeypatch.setattr(module.RowChecker, "check", counted)
    assert ways(file)[0][:2] == ([], 50)
    assert len(judged) == 50  # those of the exact way alone
