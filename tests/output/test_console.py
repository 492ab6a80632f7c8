"""What is printed can't steer a terminal, and tells no secret."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vlft.findings import Finding
from vlft.output import console
from vlft.output.findings import to_github, to_text
from vlft.security.secrets import Secret

HOSTILE = {
    "\x1b]52;c;aGk=\x07": "\\x1b]52;c;aGk=\\x07",
    "a\x9bb": "a\\x9bb",
    "a\u202eb": "a\\u202eb",
    "a\u200bb\u2066": "a\\u200bb\\u2066",
    "a\ufeff\u00ad": "a\\ufeff\\xad",
    "a\U000e0001": "a\\U000e0001",
    "a\ud800": "a\\ud800",
    "a\r\n::error::b\t": "a\\r\\n::error::b\\t",
}
HARMLESS = ["plain", "größe", "图片 3", "a\u3000b", "👍", "a → b", ""]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_outside(text: str) -> None:
    assert console.shown(text) == HOSTILE[text]
    assert console.shown(text).isprintable()


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_as_it_was(text: str) -> None:
    assert console.shown(text) == text


def test_whatever_is_printed(capsys: Any) -> None:
    console.write("a\x1b[2Jb\u202e\tc\n\x1b[1;31mred\x1b[0m", colors=True)
    console.write("\x1b[31mred")
    console.note("n\x07")
    console.error("wrong\x9b\nvlft: forged", "do\u200b\x1b[31m")
    printed = capsys.readouterr()
    assert printed.out == "a\\x1b[2Jb\\u202e\tc\n\x1b[1;31mred\x1b[0m\n\\x1b[31mred\n"
    assert printed.err == "n\\x07\nvlft: wrong\\x9b\\nvlft: forged\n    → do\\u200b\\x1b[31m\n"


@pytest.mark.parametrize("text", [*HOSTILE, "\x7f", *HARMLESS])
def test_json_is_safe_and_the_same(text: str, capsys: Any) -> None:
    console.write_json({text: [text]})
    out = capsys.readouterr().out
    assert json.loads(out) == {text: [text]}
    assert out.replace("\n", "").replace("\u3000", "").isprintable()


def test_secrets_that_were_met_are_masked(capsys: Any) -> None:
    secret = Secret('met "here" 12345678')
    number = Secret("987654321")
    console.write(f"a {secret.reveal()} b")
    console.write_document(f"a {secret.reveal()} b")
    console.note(f"a {secret.reveal()} b")
    console.write_json({"a": secret.reveal(), "b": number.reveal(), "c": 987654321, "d": secret})
    printed = capsys.readouterr()
    assert printed.out.startswith("a *** b\na *** b")
    assert printed.err == "a *** b\n"
    data = json.loads(printed.out[printed.out.index("{") :])
    assert data == {"a": "***", "b": "***", "c": 987654321, "d": "***"}


def test_secrets_of_the_environment_are_masked() -> None:
    script = "from vlft.output import console; console.write('x abcdefgh y pwpwpwpw z')"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={
            "SOME_KEY": "abcdefgh",
            "PROXY": "http://me:pwpwpwpw@h",
            "PYTHONPATH": ":".join(sys.path),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "x *** y *** z\n"


def test_a_stream_that_can_not_write_a_character() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    console.put(stream, "a → b\n")
    assert raw.getvalue() == b"a \\u2192 b\n"


def test_a_finding_can_not_steer_a_terminal() -> None:
    evil = "\x1b]0;x\x07\n::error::\u202e"
    finding = Finding("a.b", "error", evil, evil, f"f{evil}", 1, 1, evil)
    text = to_text([finding], {f"f{evil}": "a: b"})
    assert text.replace("\n", "").isprintable()
    assert not re.search("^::", text, re.MULTILINE)
    lines = to_github([Finding("a.b", "error", evil, evil, None, None, None, evil)]).splitlines()
    assert len(lines) == 1
    assert lines[0].isprintable()


def test_no_other_module_prints_or_reads_the_environment() -> None:
    """Ruff's configuration says so; here is that it is not loosened by a comment."""
    package = Path(console.__file__).parent.parent
    own = {package / "environment.py", Path(console.__file__)}
    for file in package.rglob("*.py"):
        if file in own or "trainer_side" in file.parts:
            continue
        text = file.read_text()
        assert not re.search(r"noqa:.*(?:T20|TID251)", text), file
        assert not re.search(r"os\.environ|getenv|typer\.echo|sys\.std(?:out|err)", text), file


@pytest.mark.parametrize(
    ("words", "code"),
    [("ls >&-", 0), ("schema >&-", 0), ("--help >&-", 0), ("cat nothere 2>&-", 2)],
)
def test_a_closed_stream_changes_nothing_else(words: str, code: int) -> None:
    line = f'exec "$0" -m vlft {words}'
    done = subprocess.run(["sh", "-c", line, sys.executable], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_check_prints_no_row_raw(tmp_path: Path, form: str) -> None:
    turns = [{"role": "user", "content": "<image>q"}, {"role": "assistant", "content": "a"}]
    names = ["\x1b]0;PWN\x07\x1b[31m\nforged.jpg", "https://me:pw-1234-x@host/a.jpg"]
    rows = [json.dumps({"messages": turns, "images": [name]}) + "\n" for name in names]
    (tmp_path / "rows.jsonl").write_text("".join(rows))
    done = subprocess.run(
        [sys.executable, "-m", "vlft", "data", "check", "rows.jsonl", "--format", form],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "there is no file" in done.stdout
    assert done.stdout.replace("\n", "").isprintable()
    assert not [line for line in done.stdout.splitlines() if line.startswith("forged")]
    assert "pw-1234-x" not in done.stdout
    if form == "json":
        assert len(json.loads(done.stdout)["findings"]) == 2


def test_the_caret_stands_under_its_column_beside_a_secret() -> None:
    lines = ("a: {hub_token: supersecret0123456789, b: x}", "a: {b: x, hub_token: supersecret01}")
    for line in lines:
        column = line.index("x}" if line.endswith("x}") else "x,") + 1
        finding = Finding("r", "error", "m", "a.b", "c.yaml", 1, column, None)
        _, shown, caret = to_text([finding], {"c.yaml": line}).splitlines()
        assert "supersecret" not in shown
        assert shown[caret.index("^")] == "x"
