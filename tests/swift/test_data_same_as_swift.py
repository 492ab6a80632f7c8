"""What vlft says of rows, beside what the real ms-swift does with them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from row_forms import FATES, FORMS, Form, text
from row_meaning import meaning

sys.path.append(str(Path(__file__).parents[1] / "dataset"))
from checking_rows import long_file
from ten_mib import TRAPS

from vlft.dataset.check import check_files
from vlft.dataset.fates import WORST_FIRST
from vlft.dataset.settings import CheckSettings
from vlft.families import family_of


class RealSwift:
    """The judge's process."""

    def __init__(self, model: Path) -> None:
        env = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("row_judge.py"), model],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=env,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(scope="module")
def real(tiny_model: Path) -> Iterator[RealSwift]:
    judge = RealSwift(tiny_model)
    yield judge
    judge.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures that `row_forms` names."""
    from PIL import Image

    home = tmp_path_factory.mktemp("rows")
    picture = Image.radial_gradient("L").resize((640, 480)).convert("RGB")
    picture.save(home / "a.jpg")
    Image.new("RGB", (320, 320), "red").save(home / "b.png")
    Image.new("RGB", (2000, 5), "red").save(home / "wide.png")
    (home / "cut.jpg").write_bytes((home / "a.jpg").read_bytes()[:2000])
    (home / "note.txt").write_text("no picture")
    (home / "empty.jpg").write_bytes(b"")
    exif = Image.Exif()
    exif[0x112] = 6
    picture.save(home / "turned.jpg", exif=exif)
    Image.new("RGBA", (64, 64), (255, 0, 0, 90)).save(home / "glass.png")
    Image.new("I;16", (64, 64), 5000).save(home / "deep.png")
    (home / "pictures").mkdir()
    shutil.copy(home / "a.jpg", home / "pictures" / "c.jpg")
    return home


def predicted(form: Form, file: Path, folder: Path, model: Path) -> list[str]:
    """The worst fate that is found for each row; load_fails alone if any finding says so."""
    given_settings = CheckSettings(
        cwd=folder,
        family=family_of("qwen2_vl"),
        max_length=form.options.get("max_length"),
        truncation=form.options.get("truncation", "raise"),
        columns=form.options.get("columns", {}),
        tokenizer=model,
    )
    with check_files([str(file)], given_settings) as report:
        findings = list(report.findings)
        if any(found.fate == "load_fails" for found in findings):
            return ["load_fails"]
        fates = [
            {found.fate for found in findings if found.row == row + 1} for row in range(report.rows)
        ]
    return [next((fate for fate in WORST_FIRST if fate in found), "ok") for found in fates]


SIZES = {"b.png": (320, 320), "wide.png": (2000, 5), "glass.png": (64, 64), "deep.png": (64, 64)}
_TAGS = ("<image>", "<video>", "<audio>", "<bbox>", "<ref-object>")


def observed(form: Form, answer: dict[str, Any]) -> list[str]:
    """What ms-swift did with each row."""
    if answer["loads"] is not None:
        return ["load_fails"]
    meant = form.rows if isinstance(form.rows, list) else [None] * len(answer["rows"])
    return [_fate(row, says) for row, says in zip(answer["rows"], meant, strict=True)]


def _fate(row: dict[str, Any], meant: dict[str, Any] | None) -> str:
    if not row["kept"]:
        return "dropped"
    if row["error"]:
        return "replaced"
    if row["labels"] == 0 or row["pads"] != row["features"]:
        return "silently_wrong"
    wrong = any(tag in row["input"] for tag in _TAGS)
    if meant is not None:
        wrong = wrong or row["input"].rstrip() != _said(meant)
    return "silently_wrong" if wrong else "ok"


def _said(row: dict[str, Any]) -> str:
    """What a row says, or what no row does if it says nothing that makes sense."""
    try:
        return meaning(row, [SIZES.get(name, (640, 480)) for name in _pictures(row)]).rstrip()
    except (TypeError, ValueError, KeyError, IndexError, RuntimeError, StopIteration):
        return "nothing"


def _pictures(row: dict[str, Any]) -> list[str]:
    given = row.get("images", row.get("image", row.get("img"))) or []
    names = [given] if isinstance(given, str) else [str(name) for name in given]
    for message in row.get("messages") or []:
        if isinstance(message, dict) and isinstance(message.get("content"), list):
            names += [p["type"] for p in message["content"] if p["type"].startswith("image")]
    return names + re.findall("<img>(.*?)</img>", str(row.get("query")))


@pytest.mark.parametrize(("subject", "form"), FORMS, ids=[f"{s}: {f.name}" for s, f in FORMS])
def test_a_form_ends_as_predicted(
    subject: str, form: Form, real: RealSwift, folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    file = tmp_path / f"rows.{form.ending}"
    file.write_bytes(form.content)
    fates = [FATES[letter] for letter in form.fates]
    assert predicted(form, file, folder, tiny_model) == fates
    answer = real.ask(file=str(file), cwd=str(folder), **form.options)
    if form.pixels:  # what is wrong can't be seen in the text
        assert answer["loads"] is None
        assert all(row["kept"] and row["error"] is None for row in answer["rows"])
        return
    assert observed(form, answer) == fates


def test_there_are_enough_forms() -> None:
    assert len(FORMS) > 150


@pytest.mark.parametrize(("name", "first", "later", "rule"), TRAPS, ids=[t[0] for t in TRAPS])
def test_one_row_beyond_the_first_10_mib(
    name: str,
    first: dict[str, Any],
    later: dict[str, Any],
    rule: str | None,
    real: RealSwift,
    tmp_path: Path,
) -> None:
    """tests/dataset/test_check_ten_mib.py predicts the rules of the same files."""
    file = long_file(tmp_path / "train.jsonl", first, later)
    answer = real.ask(file=str(file), cwd=str(tmp_path), last=True)
    assert (answer["loads"] is not None) == (rule == "file.schema")
    if answer["loads"] is None:
        quoted = answer["last"]["messages"][0]["content"].startswith('"')
        assert quoted == (rule == "file.quoted")


WORDS = st.sampled_from(["q", "", "<image>q", "<image><image>", "<Image>", "<bbox>", "a<|im_end|>"])
MESSAGE = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["user", "assistant", "human", "gpt", "system", "tool", "developer"]),
    WORDS | st.none() | st.just(7) | st.just([{"type": "text", "text": "x"}]),
)
GENERATED = st.fixed_dictionaries(
    {
        "messages": st.lists(MESSAGE, max_size=4)
        | st.builds(lambda q, a: text(q, a)["messages"], WORDS, WORDS)
    },
    optional={
        "images": st.none() | st.lists(st.sampled_from(["a.jpg", "b.png", "no.jpg"]), max_size=2),
        "objects": st.none()
        | st.builds(
            lambda boxes: {"ref": [], "bbox": boxes},
            st.lists(st.sampled_from([[1, 2, 30, 40], [5, 6], [1, 2, 3]]), max_size=2),
        ),
    },
)


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(GENERATED, min_size=2, max_size=10))
def test_generated_rows_end_as_predicted(
    rows: list[dict[str, Any]],
    real: RealSwift,
    folder: Path,
    tiny_model: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Whether a row is lost; and if it is not, that ms-swift could take it."""
    form = Form("generated", [text(), *rows], "")
    file = tmp_path_factory.mktemp("generated") / "rows.jsonl"
    file.write_bytes(form.content)
    said = predicted(form, file, folder, tiny_model)
    answer = real.ask(file=str(file), cwd=str(folder))
    if said == ["load_fails"] or answer["loads"] is not None:
        assert (said == ["load_fails"]) == (answer["loads"] is not None), answer["loads"]
        return
    lost = [
        "dropped" if not row["kept"] else "replaced" if row["error"] else "kept"
        for row in answer["rows"]
    ]
    assert [fate if fate in {"dropped", "replaced"} else "kept" for fate in said] == lost
