"""The shipped dump, the probe of another version, and its cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.waiting import HANG_S

from vlft.errors import VlftError
from vlft.swift import probe as swift_probe
from vlft.swift.interpreter import Interpreter, find_interpreter
from vlft.swift.probe import read_shipped, read_swift, shipped_text, shipped_versions
from vlft.swift.release import SUBCOMMANDS

SCRIPT = Path(swift_probe.__file__).parent.parent / "trainer_side" / "dump_arguments.py"


def answer(version: str) -> str:
    """What dump_arguments.py prints, with one argument."""
    head = {"format": 1, "ms_swift": version, "transformers": "5.0.0"}
    argument = {"name": "max_length", "type": "int", "defined_in": "a.B", "in": ["sft"]}
    model = {"model_type": "m", "architectures": ["A"], "groups": [{"ids": ["o/N"]}]}
    facts = {**head, "templates": ["t"], "arguments": [argument]}
    return json.dumps({"facts": facts, "models": {**head, "models": [model]}})


def fake_python(folder: Path, body: str) -> Interpreter:
    """An interpreter of an unknown ms-swift; it notes every start in `starts`."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\necho >> "{folder}/starts"\n{body}\n')
    python.chmod(0o755)
    return Interpreter(str(python), (str(folder),), None, {"ms-swift": "9.9.9"}, None)


def starts(folder: Path) -> int:
    return len((folder / "starts").read_text().splitlines())


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "vlft" / "swift"


def test_without_an_interpreter_the_newest_dump() -> None:
    facts = read_swift(None)
    assert facts.version == shipped_versions()[0]
    assert set(facts.arguments) == set(SUBCOMMANDS)
    argument = facts.arguments["sft"]["max_length"]
    assert (argument.type, argument.many, argument.optional) == ("int", False, True)


def test_choices_differ_by_subcommand() -> None:
    arguments = read_swift(None).arguments
    assert "gptq" in (arguments["export"]["quant_method"].choices or ())
    assert "gptq" not in (arguments["sft"]["quant_method"].choices or ())
    assert arguments["sft"]["dataset"].many
    assert arguments["sft"]["deepspeed"].type == "json"
    assert arguments["sft"]["freeze_vit"].default is True
    assert not arguments["sft"]["liger_kernel_config"].settable


def test_models_and_templates() -> None:
    facts = read_swift(None)
    entry = facts.models()["qwen2_vl"]
    assert entry.architectures == ("Qwen2VLForConditionalGeneration",)
    assert "qwen2-vl-2b-instruct" in {name for group in entry.groups for name in group.names}
    assert "Qwen/Qwen2-VL-2B-Instruct" in entry.hub_ids
    assert entry.is_multimodal
    assert "decord" in entry.requires
    assert set(entry.templates) <= facts.templates
    assert facts.models() is facts.models()
    folder = "/m/Qwen2-VL-2B-Instruct"
    assert facts.guess_model_types(folder, ()) == ("qwen2_vl",)
    assert facts.default_template("qwen2_vl", folder) == "qwen2_vl"


@pytest.mark.parametrize("version", shipped_versions())
def test_no_trace_of_a_machine_in_the_dump(version: str) -> None:
    text = (shipped_text(version) or b"").decode()
    assert '"ms_swift"' in text
    assert '"/' not in text
    assert str(Path.home()) not in text


def test_another_version_is_asked_once(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "answer").write_text(answer("9.9.9"))
    interpreter = fake_python(tmp_path, f'cat "{tmp_path}/answer"')
    first, second = read_swift(interpreter), read_swift(interpreter)
    assert (first.version, first.transformers) == ("9.9.9", "5.0.0")
    assert first == second
    assert list(first.arguments["sft"]) == ["max_length"]
    assert first.models()["m"].hub_ids == ("o/N",)
    assert starts(tmp_path) == 1
    assert [file.name.split("-")[0] for file in cache.iterdir()] == ["9.9.9"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"facts": {}}', "[" * 100_000, "\ud800"])
def test_a_corrupt_cache_is_asked_again(tmp_path: Path, cache: Path, content: str) -> None:
    (tmp_path / "answer").write_text(answer("9.9.9"))
    interpreter = fake_python(tmp_path, f'cat "{tmp_path}/answer"')
    read_swift(interpreter)
    (file,) = cache.iterdir()
    file.write_bytes(content.encode("utf-8", "surrogatepass"))
    assert read_swift(interpreter).version == "9.9.9"
    assert starts(tmp_path) == 2
    assert json.loads(file.read_text())["facts"]["ms_swift"] == "9.9.9"


def test_a_cache_of_another_format_is_asked_again(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "answer").write_text(answer("9.9.9"))
    interpreter = fake_python(tmp_path, f'cat "{tmp_path}/answer"')
    read_swift(interpreter)
    (file,) = cache.iterdir()
    file.write_text(file.read_text().replace('"format": 1', '"format": 0'))
    assert read_swift(interpreter).version == "9.9.9"
    assert starts(tmp_path) == 2


def test_a_cache_that_can_not_be_written(tmp_path: Path, cache: Path) -> None:
    cache.parent.parent.write_text("a file where the folder should be")
    (tmp_path / "answer").write_text(answer("9.9.9"))
    interpreter = fake_python(tmp_path, f'cat "{tmp_path}/answer"')
    assert read_swift(interpreter).version == "9.9.9"


def test_an_edited_checkout_is_asked_again(tmp_path: Path) -> None:
    source = tmp_path / "checkout" / "swift"
    (source / "arguments").mkdir(parents=True)
    file = source / "arguments" / "sft_args.py"
    file.touch()
    packages = {"ms-swift": "9.9.9"}
    interpreter = Interpreter("/p", (str(tmp_path / "site"),), str(source), packages, None)
    before = swift_probe.cache_file(interpreter)
    assert before == swift_probe.cache_file(interpreter)
    os.utime(file, (1, 1))
    assert before != swift_probe.cache_file(interpreter)


def test_the_cache_goes_by_versions_and_place(tmp_path: Path) -> None:
    def file(python: str, **packages: str) -> Path:
        named = {name.replace("_", "-"): version for name, version in packages.items()}
        return swift_probe.cache_file(Interpreter(python, (), None, named, None))

    files = [
        file("/a", ms_swift="4.5.0", transformers="5.0"),
        file("/a", ms_swift="4.5.0", transformers="5.1"),
        file("/a", ms_swift="4.5.1", transformers="5.0"),
        file("/b", ms_swift="4.5.0", transformers="5.0"),
    ]
    assert len(set(files)) == 4
    assert all(one.parent == files[0].parent for one in files)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("echo noise >&2; echo 'ImportError: no torch' >&2; exit 1", "imported: ImportError: no"),
        ("exit 1", "no message"),
        ("echo hello", "can't read"),
    ],
)
def test_an_interpreter_that_can_not_answer(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(VlftError, match=message) as caught:
        swift_probe.probe(fake_python(tmp_path, body), time_limit=HANG_S)
    assert caught.value.hint


def test_an_interpreter_that_does_not_answer_in_time(tmp_path: Path) -> None:
    with pytest.raises(VlftError, match=r"within 0\.5 s") as caught:
        swift_probe.probe(fake_python(tmp_path, "exec sleep 3600"), time_limit=0.5)
    assert caught.value.hint


def test_an_old_ms_swift_is_not_asked(tmp_path: Path) -> None:
    old = Interpreter(str(tmp_path / "python"), (), None, {"ms-swift": "3.9.1"}, None)
    with pytest.raises(VlftError, match=r"has ms-swift 3\.9\.1; vlft runs 3\.12 and later"):
        read_swift(old)


def test_an_interpreter_that_is_gone(tmp_path: Path) -> None:
    gone = Interpreter(str(tmp_path / "python"), (), None, {"ms-swift": "9.9.9"}, None)
    with pytest.raises(VlftError, match="can't be started"):
        read_swift(gone)


PARSE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import dump_arguments, swift.arguments
cases, accepted = json.load(open(sys.argv[2])), []
parsers = {
    name: dump_arguments.parser_of(getattr(swift.arguments, kind))
    for name, kind in dump_arguments.SUBCOMMANDS.items()
}
for subcommand, words in cases:
    try:
        parsers[subcommand].parse_args(words)
        accepted.append(True)
    except SystemExit:
        accepted.append(False)
json.dump(accepted, open(sys.argv[3], "w"))
"""
VALUES = {"bool": "true", "int": "3", "float": "1e-4", "str": "text", "json": '{"a": 1}'}


@pytest.mark.swift
def test_ms_swift_s_parser_agrees_on_every_argument(tmp_path: Path) -> None:
    facts = read_swift(_installed())
    cases: list[tuple[str, list[str]]] = []
    expected: list[bool] = []
    for subcommand in SUBCOMMANDS:
        for argument in facts.arguments[subcommand].values():
            right = list(argument.choices or (VALUES[argument.type],))
            for value in right if not argument.many else [*right, right * 2]:
                words = value if isinstance(value, list) else [value]
                cases.append((subcommand, [f"--{argument.name}", *words]))
                expected.append(argument.settable)
            closed = argument.choices is not None or argument.type in {"bool", "int", "float"}
            for word in ["?!"] * closed + ["3"] * (argument.type == "bool"):
                cases.append((subcommand, [f"--{argument.name}", word]))
                expected.append(False)
    for subcommand in SUBCOMMANDS:  # what is not in the dump is not there
        cases.append((subcommand, ["--no_such_argument", "1"]))
        expected.append(False)
    asked, told = tmp_path / "cases.json", tmp_path / "accepted.json"
    asked.write_text(json.dumps(cases))
    subprocess.run(
        [sys.executable, "-c", PARSE, str(SCRIPT.parent), str(asked), str(told)],
        check=True,
        capture_output=True,
        timeout=HANG_S,
    )
    accepted = json.loads(told.read_text())
    pairs = zip(cases, expected, accepted, strict=True)
    assert [case for case, wanted, seen in pairs if wanted != seen] == []
    assert len(cases) > 1000


@pytest.mark.swift
def test_the_shipped_dump_is_not_stale() -> None:
    """After an update of ms-swift: scripts/dump-swift."""
    interpreter = _installed()
    shipped = read_shipped(interpreter.packages["ms-swift"])
    if shipped is None or shipped.transformers != interpreter.packages["transformers"]:
        pytest.skip("the dump was made with other versions than those installed")
    done = subprocess.run(
        [interpreter.python, str(SCRIPT)], check=True, capture_output=True, timeout=HANG_S
    )
    assert done.stdout == shipped_text(shipped.version)


@pytest.mark.swift
def test_the_probe_gives_what_the_dump_says() -> None:
    interpreter = _installed()
    probed = swift_probe.probe(interpreter, time_limit=HANG_S)
    shipped = read_shipped(probed.version)
    if shipped is None or shipped.transformers != probed.transformers:
        pytest.skip("the dump was made with other versions than those installed")
    assert probed.arguments == shipped.arguments
    assert probed.templates == shipped.templates
    assert list(probed.models().items()) == list(shipped.models().items())


def _installed() -> Interpreter:
    found = find_interpreter(None)
    if found is None:
        pytest.skip("ms-swift is not installed")
    return found
