"""What vlft says of rows, beside what the real ms-swift does with them."""

from __future__ import annotations

import itertools
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
from support.data_rows import long_file
from support.ms_swift import PROGRAMS
from support.ms_swift.row_forms import FATES, FORMS, Form, pair, text
from support.ms_swift.row_forms_odd import ODD_FORMS, ODD_SIZES, odd_pictures
from support.ms_swift.row_forms_parquet import PARQUET, ParquetForm
from support.ms_swift.row_forms_tasks import TASK_FORMS
from support.ms_swift.row_forms_video import VIDEO_FORMS, video_rows
from support.ms_swift.row_meaning import meaning
from support.ten_mib import TRAPS

from vlft.data.check import check_files
from vlft.data.checking.lines import first_look
from vlft.data.convert.run import Task, convert_files
from vlft.data.findings import WORST_FIRST, TokenCounts
from vlft.data.reading.chunks import pieces
from vlft.data.reading.lines import rows_of
from vlft.data.rows.judge import judge
from vlft.data.rows.length import counted_row
from vlft.data.rows.media import Context
from vlft.data.rules import ROW_RULES
from vlft.data.settings import CheckSettings
from vlft.models import family_of
from vlft.swift.interpreter import interpreter_at

SWIFT_DIR = interpreter_at(sys.executable).swift_dir


class RealSwift:
    """The judge's process."""

    def __init__(self, model: Path) -> None:
        env = os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(
            [sys.executable, PROGRAMS / "row_judge.py", model],
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
    odd_pictures(home)
    video_rows(home)
    return home


def settings_of(form: Form, folder: Path, model: Path) -> CheckSettings:
    """What a form's options say to the check."""
    known = ("max_length", "truncation", "columns", "strict", "lazy")
    asked = {name: form.options[name] for name in known if name in form.options}
    swift = {
        name: form.options[name]
        for name in ("agent_template", "task_type", "rlhf_type")
        if name in form.options
    }
    if form.options.get("mode") in {"rlhf", "kto"}:
        asked |= {"task": "rlhf"}
        swift = {"rlhf_type": "dpo", **swift}
    elif not form.options.get("chat", True) and "loss_scale" in form.options:
        asked |= {"task": "pt"}
    asked |= {"swift": swift, "swift_dir": SWIFT_DIR}
    return CheckSettings(cwd=folder, family=family_of("qwen2_vl"), tokenizer=model, **asked)


def checked(
    form: Form, file: Path, folder: Path, model: Path
) -> tuple[list[str], TokenCounts | None]:
    """The worst fate found for each row, load_fails alone if any finding says so; and tokens."""
    with check_files([str(file)], settings_of(form, folder, model)) as report:
        findings = list(report.findings)
        if any(found.fate == "load_fails" for found in findings):
            return ["load_fails"], None
        fates = [
            {found.fate for found in findings if found.row == row + 1} for row in range(report.rows)
        ]
    worst = [next((fate for fate in WORST_FIRST if fate in found), "ok") for found in fates]
    return worst, report.tokens


def predicted(form: Form, file: Path, folder: Path, model: Path) -> list[str]:
    """The fates alone."""
    return checked(form, file, folder, model)[0]


SIZES = {"b.png": (320, 320), "wide.png": (2000, 5), "glass.png": (64, 64), "deep.png": (64, 64)}
SIZES |= ODD_SIZES
_TAGS = ("<image>", "<video>", "<audio>", "<bbox>", "<ref-object>")


def observed(form: Form, answer: dict[str, Any]) -> list[str]:
    """What ms-swift did with each row."""
    if answer["loads"] is not None:
        return ["load_fails"]
    meant = form.rows if isinstance(form.rows, list) else [None] * len(answer["rows"])
    fates = [_fate(row, says) for row, says in zip(answer["rows"], meant, strict=True)]
    if form.options.get("lazy", True):
        return fates
    return ["dropped" if fate == "replaced" else fate for fate in fates]


def _fate(row: dict[str, Any], meant: dict[str, Any] | None) -> str:
    if not row["kept"]:
        return "dropped"
    if row["error"]:
        return "replaced"
    if row["labels"] == 0 or row["pads"] != row["features"]:
        return "silently_wrong"
    if row.get("rejected") and (row["rejected_labels"] == 0 or row["rejected"] == row["input"]):
        return "silently_wrong"
    wrong = any(tag in row["input"] + (row.get("rejected") or "") for tag in _TAGS)
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


ALL = [*FORMS, *ODD_FORMS, *TASK_FORMS]


@pytest.mark.parametrize(("subject", "form"), ALL, ids=[f"{s}: {f.name}" for s, f in ALL])
def test_a_form_ends_as_predicted(
    subject: str, form: Form, real: RealSwift, folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    file = tmp_path / f"rows.{form.ending}"
    file.write_bytes(form.content)
    told = ends_as_predicted(form, file, real, folder, tiny_model)
    if subject == "tools in rows" and form.fates.strip("o") == "":
        assert (told is not None and told.exact) == (form.name not in NOT_COUNTED)


NOT_COUNTED = {"t floats2", "agent mistral"}
"""Rows with tools whose tokens are not told: ten decimals, an agent template of other models."""


def ends_as_predicted(
    form: Form, file: Path, real: RealSwift, folder: Path, model: Path
) -> TokenCounts | None:
    """The tokens that are told of the file."""
    fates = [FATES[letter] for letter in form.fates]
    said, told = checked(form, file, folder, model)
    assert said == fates
    answer = real.ask(file=str(file), cwd=str(folder), **form.options)
    seen = observed(form, answer)
    if form.pixels:  # what is wrong can't be seen in the text
        blind = {"silently_wrong": "ok"}
        seen, fates = ([blind.get(fate, fate) for fate in some] for some in (seen, fates))
    assert seen == fates
    if not set(seen) <= {"ok", "silently_wrong"}:
        return None
    if told is not None and told.exact and form.options.get("truncation", "raise") == "raise":
        assert told.max == max(row["length"] for row in answer["rows"])
    return told


@pytest.mark.parametrize("form", PARQUET, ids=[form.name for form in PARQUET])
def test_a_parquet_file_ends_as_predicted(
    form: ParquetForm, real: RealSwift, folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    """The file itself, and the file of rows and the pictures that convert makes of it."""
    file = tmp_path / "rows.parquet"
    file.write_bytes(form.content(folder))
    shown = Form(form.name, b"", form.fates, "parquet", pixels=True)
    told = ends_as_predicted(shown, file, real, folder, tiny_model)
    assert (told is not None) == (form.fates.strip("os") == "")
    made = tmp_path / "rows.jsonl"
    report = convert_files(
        Task([file], made, "auto", fix=False, report=None, cwd=folder, root_image_dir=None),
        lambda _: None,
    )
    # Convert keeps pictures as they are; loading some of its files is enough to see it.
    if form.name in {"one a row", "lists", "lists, odd", "plain structs"}:
        again = Form(form.name, b"", form.fates, pixels=True)
        assert not report.rejected
        assert ends_as_predicted(again, made, real, folder, tiny_model) == told


@pytest.mark.parametrize("form", VIDEO_FORMS, ids=[form.name for form in VIDEO_FORMS])
def test_a_row_with_a_video_ends_as_predicted(
    form: Form, real: RealSwift, folder: Path, tiny_model: Path, tmp_path: Path
) -> None:
    """With the tokens of every row that is encoded; what is in a picture is not compared."""
    file = tmp_path / "rows.jsonl"
    file.write_bytes(form.content)
    fates = [FATES[letter] for letter in form.fates]
    assert predicted(form, file, folder, tiny_model) == fates
    answer = real.ask(file=str(file), cwd=str(folder), **form.options)
    assert answer["loads"] is None
    assert all(row["kept"] for row in answer["rows"])
    told = lengths(file, settings_of(form, folder, tiny_model))
    for row, count, fate in zip(answer["rows"], told, fates, strict=True):
        assert fate == "unknown" or bool(row["error"]) == (fate == "replaced"), row
        if fate in {"ok", "silently_wrong"} and "truncation" not in form.options:
            assert count == row["length"], row


def test_there_are_enough_forms() -> None:
    assert len(ALL) > 500


@pytest.mark.parametrize(("name", "first", "later", "rule"), TRAPS, ids=[t[0] for t in TRAPS])
def test_one_row_beyond_the_first_10_mib(
    name: str,
    first: dict[str, Any],
    later: dict[str, Any],
    rule: str | None,
    real: RealSwift,
    tmp_path: Path,
) -> None:
    """tests/data/test_check_ten_mib.py predicts the rules of the same files."""
    file = long_file(tmp_path / "train.jsonl", first, later)
    answer = real.ask(file=str(file), cwd=str(tmp_path), last=True)
    assert (answer["loads"] is not None) == (rule == "file.schema")
    if answer["loads"] is None:
        quoted = answer["last"]["messages"][0]["content"].startswith('"')
        assert quoted == (rule == "file.quoted")


TEXTS = ("q", "", " x\n", "héllo 你好 😀", "1.5e3 < 7", "<b>bold</b>", "a<|im_end|>b", "{{ROUND0}}")
TAGGED = ("<image>q", "q<image>", "<image><image>z", "<Image>x", "<video>", "<image>\n<ref-object>")
BOXED = ("<bbox>", "at <bbox> and <bbox>", "<ref-object>", "<|box_start|>(1,2)<|box_end|>")
CALL = '{"name": "f", "arguments": {"x": 1}}'
WORDS = st.sampled_from([*TEXTS, *TAGGED, *BOXED, CALL])
PARTS = st.lists(
    st.builds(lambda words: {"type": "text", "text": words}, WORDS)
    | st.sampled_from(["a.jpg", "b.png", "no.jpg"]).map(
        lambda name: {"type": "image", "image": name}
    ),
    min_size=1,
    max_size=3,
)
CONTENTS = WORDS | WORDS | WORDS | WORDS | st.none() | st.just(7) | PARTS
ROLES = ("user", "assistant", "human", "gpt", "system", "tool", "tool_call", "developer")
MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(ROLES), "content": CONTENTS})
ROUND = st.builds(lambda asked, told: text(asked, told)["messages"], CONTENTS, CONTENTS)
TALK = st.builds(
    lambda system, rounds, end: [*system, *itertools.chain(*rounds), *end],
    st.sampled_from([[], [], [{"role": "system", "content": "S"}]]),
    st.lists(ROUND, min_size=1, max_size=3),
    st.lists(MESSAGE, max_size=1),
)
BOX = st.sampled_from([[64, 48, 128, 96], [5, 6], [1, 2, 3], [600, 400, 700, 500], [30, 40, 1, 2]])
OBJECTS = st.fixed_dictionaries(
    {
        "ref": st.lists(st.sampled_from(["cat", "猫", ""]), max_size=2),
        "bbox": st.lists(BOX, max_size=2),
    },
    optional={
        "bbox_type": st.sampled_from(["real", "norm1", "norm1000", None]),
        "image_id": st.lists(st.sampled_from([0, 1, -1]), max_size=2),
    },
)
NAMES = st.lists(st.sampled_from(["a.jpg", "a.jpg", "b.png", "no.jpg", "wide.png"]), max_size=2)
MEDIA: dict[Any, Any] = {
    "images": st.none() | NAMES | NAMES | st.just("a.jpg"),
    "objects": st.none() | OBJECTS,
    "system": st.sampled_from(["S", "T", None]),
    "chat_template_kwargs": st.sampled_from([{"max_pixels": 50176}, {"max_pixels": 100352}]),
}
TALKS = st.fixed_dictionaries(
    {"messages": TALK | TALK | st.lists(MESSAGE, max_size=4)}, optional=MEDIA
)
ANSWERS = st.fixed_dictionaries(
    {"query": WORDS | st.none(), "response": WORDS | WORDS | st.none()},
    optional=MEDIA | {"history": st.lists(st.tuples(WORDS, WORDS).map(list), max_size=2)},
)
FILES = st.lists(TALKS, min_size=2, max_size=12).map(lambda rows: [text(), *rows])
FILES |= st.lists(ANSWERS, min_size=2, max_size=12).map(lambda rows: [pair(), *rows])


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(rows=FILES, max_length=st.sampled_from([None, None, 60, 450]))
def test_generated_rows_end_as_predicted(
    rows: list[dict[str, Any]],
    max_length: int | None,
    real: RealSwift,
    folder: Path,
    tiny_model: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The fate of every row, `silently_wrong` among them, and the tokens of all that is left."""
    form = Form("generated", rows, "", options={"max_length": max_length})
    file = tmp_path_factory.mktemp("generated") / "rows.jsonl"
    file.write_bytes(form.content)
    said = predicted(form, file, folder, tiny_model)
    answer = real.ask(file=str(file), cwd=str(folder), max_length=max_length)
    assert said == observed(form, answer), answer["loads"]
    if answer["loads"] is None:
        told = lengths(file, settings_of(form, folder, tiny_model))
        seen = [row.get("length") for row in answer["rows"]]
        pairs = list(zip(told, seen, strict=True))
        assert [told for told, seen in pairs if seen] == [seen for _, seen in pairs if seen]


def lengths(file: Path, given_settings: CheckSettings) -> list[int | None]:
    """The tokens that vlft counts for each row; None for one that is lost."""
    (piece,) = pieces(file)
    found = first_look(piece.read(), given_settings)
    context = Context(given_settings, found.columns, found.lost)
    assert context.counter is not None
    counts: list[int | None] = []
    for row in rows_of(piece.read(), 1, 1):
        _, sample = judge(found.schema.conform(row.value or {}), context)
        counted = None if sample is None else counted_row(sample, context)
        counts.append(None if counted is None else context.counter.count(counted))
    return counts


NO_FORM = {
    "file.missing": "no file: tests/data/test_check_files.py",
    "file.hub": "no file: tests/data/test_check_files.py",
    "file.repeats": "a sample of a file: tests/data/test_check_files.py",
    "file.needs-pyarrow": "without pyarrow there is no ms-swift to compare with",
    "file.compressed": "vlft does not say what becomes of it",
    "file.schema": "takes 12 MB: TRAPS",
    "file.quoted": "takes 12 MB: TRAPS",
    "file.zero3-mixed": "takes several ranks: tests/data/test_check_odd_files.py",
    "file.zero3-blank": "takes several ranks: tests/data/test_check_odd_files.py",
    "row.null-first": "left to chance: tests/data/test_check_odd_files.py",
    "row.leak": "no fate: tests/data/test_check_files.py",
    "row.leaked-picture": "no fate: tests/data/test_check_files.py",
    "row.media-unjudged": "without Pillow there is no ms-swift to compare with",
    "row.media-unreadable": "who runs the tests may read every file",
    "row.media-url": "takes a server: tests/data/test_data_command.py",
    "row.media-too-large": "takes a second to make: tests/real_swift/test_media_like_swift.py",
    "row.video-cut": "ends the process, of InternVL: tests/data/test_media_video.py",
    "row.video-reader": "takes a trainer without decord: tests/data/test_media_video.py",
    "row.length-unknown": "takes a model without a tokenizer: tests/data/test_check_files.py",
}
"""Rules without a form, and why."""


def test_every_rule_of_rows_has_a_form(folder: Path, tiny_model: Path, tmp_path: Path) -> None:
    found: set[str] = set()
    for number, form in enumerate([*(form for _, form in ALL), *VIDEO_FORMS]):
        file = tmp_path / f"{number}.{form.ending}"
        file.write_bytes(form.content)
        with check_files([str(file)], settings_of(form, folder, tiny_model)) as report:
            found |= set(report.findings.counts)
    for parquet in PARQUET:
        file = tmp_path / "rows.parquet"
        file.write_bytes(parquet.content(folder))
        with check_files([str(file)], CheckSettings(cwd=folder)) as report:
            found |= set(report.findings.counts)
    assert sorted(set(ROW_RULES) - found) == sorted(NO_FORM)
