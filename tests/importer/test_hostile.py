"""Scripts that mean harm, or nothing at all: nothing is run, and one clear finding says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from round_trip import SWIFT, imported

from vlft.config.reader import read_config
from vlft.importer.importing import import_text, import_words
from vlft.importer.shell import source
from vlft.importer.shell.source import Source

TRAIN = "swift sft --model Qwen/Qwen2-VL-2B-Instruct --dataset a.jsonl"


def errors(script: str) -> list[tuple[str, int | None]]:
    return [(one.rule, one.line) for one in imported(script).findings if one.severity == "error"]


@pytest.mark.parametrize(
    "value",
    ["$(touch {f})", "`touch {f}`", '"$(touch {f})"', "<(touch {f})", "${{X:-$(touch {f})}}",
     "$((`touch {f}`))", "$(expr 1 + $(touch {f}))", "$(echo $(touch {f}))"],
)  # fmt: skip
def test_nothing_is_run(value: str, tmp_path: Path) -> None:
    file = tmp_path / "touched"
    made = imported(f"{TRAIN} --run_name {value.format(f=file)}\n")
    assert not file.exists()
    asked = [one for one in made.findings if one.rule == "import.asked"]
    assert len(asked) == 1
    assert (asked[0].path, asked[0].line) == ("swift.run_name", 1)
    (config,) = made.configs
    folder = tmp_path / "c.yaml"
    folder.write_text(config.text)
    assert "config.tag" in [one.rule for one in read_config(folder)[2]]  # no run starts from it


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        ("", "import.nothing"),
        ("echo swift sft --model x", "import.nothing"),
        (f"cat <<EOF\n{TRAIN}\n", "import.syntax"),
        (f"{TRAIN} --run_name 'x\n", "import.syntax"),
        (f'{TRAIN} --run_name "x\n', "import.syntax"),
        (f"{TRAIN} --run_name $(x\n", "import.syntax"),
        (f"{TRAIN} --run_name `x\n", "import.syntax"),
        ("a=" + "$(" * 5000, "import.syntax"),
        ("a=" + "$(" * 5000 + ")" * 5000, "import.syntax"),
        ("{ " * 5000, "import.syntax"),
        ("if " * 5000, "import.syntax"),
        ("case x in " * 50, "import.nothing"),
        ("x;" * 50_000, "import.syntax"),
        ("swift deploy --model x", "import.nothing"),
        ("megatron sft --model x", "import.nothing"),
        (f"{TRAIN} --learning_rate $LR", "import.asked"),
        (f"{TRAIN} --learning_rate " + "$((" + "(" * 3000, "import.syntax"),
        ("swift sft --dataset a.jsonl", "import.asked"),
    ],
)
def test_one_clear_error(script: str, rule: str) -> None:
    assert [found for found, _ in errors(script)] == [rule]


def test_a_here_document_is_not_taken_for_commands() -> None:
    made = imported(f"sbatch <<EOF\n{TRAIN}\nEOF\n")
    assert made.configs == ()
    assert {one.rule for one in made.findings} == {"import.here-document", "import.nothing"}


@pytest.mark.parametrize("data", [b"\0", b"\x7fELF\0\0", b"\xff\xfeabc", bytes(range(128, 256))])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    made = import_text(data, "train.sh", SWIFT)
    assert made.configs == ()
    assert [one.rule for one in made.findings] == ["import.unreadable"]


def test_values_that_double_with_every_line_end_somewhere() -> None:
    script = "a=xxxxxxxx\n" + "a=$a$a\n" * 60 + f"{TRAIN} --run_name $a\n"
    assert errors(script) == [("import.asked", 62)]


@pytest.mark.parametrize("filler", ["a", "'", '"', "\\ ", "$", "$x", "${", "((", "&&", "# ", "-"])
def test_a_long_line_is_read_once(filler: str) -> None:
    count = 300_000 // len(filler)  # read again for every word of it would take days
    made = imported(f"{TRAIN} --run_name {filler * count}\n")
    assert len(made.findings) < 300


@given(st.text(max_size=200))
def test_any_text_is_answered(text: str) -> None:
    made = imported(text)
    assert made.configs or any(one.severity == "error" for one in made.findings)


_TOKENS = st.sampled_from([
    "swift", "sft", "--model", "--dataset", "$A", "${A:-", "}", "$(", ")", "`", "'", '"', "\\",
    "\n", "if", "then", "fi", "for", "do", "done", "case", "in", "esac", ";;", "{", "(", "((",
    "[[", "]]", "|", "&&", "||", ";", "<<E", "E", "A=1", "A=(", "export", "eval", "x", " ", "  ",
    "#", "*", "f()", "$((", "))", "!", "&", ">", "<(", "expr 1 / 0", "\\ \n", "=", "@", "{a,b}",
    "for", "do", "done", "while", "until", "else", "elif", "break", "exit", "i++", "$1", "<<<", "f",
    "{1..9}", "A[x]=", "${A[@]:1}", "A+=(", "true", "-n", "cd", "set", "--", "read", "${!A}", ";;&",
])  # fmt: skip


@given(st.lists(_TOKENS, max_size=40), st.booleans())
def test_any_heap_of_shell_is_answered(tokens: list[str], spaced: bool) -> None:
    text = (" " if spaced else "").join(tokens)
    made = imported(text)
    assert made.configs or any(one.severity == "error" for one in made.findings)
    made = imported(f"A=1\n{TRAIN} {text}\n")
    assert made.configs or any(one.severity == "error" for one in made.findings)


@given(st.lists(st.text(max_size=20), min_size=1, max_size=8))
def test_any_words_are_answered(words: list[str]) -> None:
    made = import_words(["swift", "sft", *words], SWIFT)
    assert len(made.configs) == 1


@given(st.binary(max_size=200), st.sampled_from(["a.sh", "a.yaml", "a.json"]))
def test_any_bytes_are_answered(data: bytes, name: str) -> None:
    made = import_text(data, name, SWIFT)
    assert made.configs or any(one.severity == "error" for one in made.findings)


@pytest.mark.parametrize("ending", ["os.abort()", "time.sleep(60)", "bytearray(1 << 40)"])
def test_a_parser_that_dies_is_an_error(ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = "import os, resource, time; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); "
    monkeypatch.setattr(source, "_BOOT", limits + ending)
    monkeypatch.setattr(source, "_MAX_PARSE_S", 2)
    made = imported(f"if true; then\n{TRAIN}\nfi\n")
    assert made.configs == ()
    (found,) = made.findings
    assert (found.rule, found.severity, found.line) == ("import.syntax", "error", 1)
    assert found.message.startswith("this script could not be parsed: the parser ")
    assert "the swift command itself" in (found.hint or "")
    assert imported(f"{TRAIN} --seed 1\n").configs  # one command needs no parser


def test_the_parser_imports_nothing_from_where_it_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "vlft", "tree_sitter"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(3)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert imported(f"if true; then\n{TRAIN}\nfi\n").configs


@pytest.mark.parametrize("text", ["{\U0010bae2", "((\U0010bae2 x", "A=(a # don't\n b)\nif x; then"])
def test_texts_that_crashed_are_read(text: str) -> None:
    (config,) = imported(f"{text}\n{TRAIN} --seed 3\n").configs
    assert "seed: 3" in config.text


def test_the_parser_sees_plain_characters_only() -> None:
    grammar = Source("é 'ü' \U0010bae2 {\U0010bae2} $(ß) \\ñ # ç\nif ö; then\n").grammar
    assert grammar.isascii()  # tree-sitter-bash crashes on some that are not
