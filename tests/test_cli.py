"""The command line as a user meets it: texts, exit codes, no tracebacks."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from support.folders import light_environment

import vlft as package

HEAVY = {"torch", "transformers", "swift", "peft", "datasets", "numpy"}


def test_a_right_config_is_ok(vlft: Any, write_config: Any) -> None:
    done = vlft("validate", str(write_config()))
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("config.yaml: ok\n")


def test_all_mistakes_at_once_each_at_its_place(vlft: Any, write_config: Any) -> None:
    config = write_config(
        "tran: {learning_rate: 1e-4}\n"
        "tuner: full\nlora: {rank: 0}\n"
        "swift: {learning_rat: 1, lr_scheduler_typ: cosine, logging_steps: x}\n"
        "env: {MAX_PIXELS: 3}\nlaunch: {gpus: none}\n"
    )
    done = vlft("validate", str(config), "--format", "json")
    assert done.code == 1
    (file,) = json.loads(done.out)["files"]
    found = {(f["line"], f["column"], f["rule"]): f["hint"] for f in file["findings"]}
    assert found == {
        (5, 1, "config.unknown-key"): "did you mean `train`?",
        (7, 14, "config.type"): None,
        (8, 9, "swift.unknown-argument"): "did you mean `train.learning_rate`?",
        (8, 26, "swift.unknown-argument"): "did you mean `lr_scheduler_type`?",
        (8, 67, "swift.value"): None,
        (9, 7, "env.owned"): "write `pixels.max` instead",
    }
    assert file["ok"] is False


def test_text_shows_the_line_and_a_caret(vlft: Any, write_config: Any) -> None:
    done = vlft("validate", str(write_config("launch: {gpu: none}\n")))
    lines = done.out.splitlines()
    assert lines[0].endswith("there is no key `gpu` in `launch` [config.unknown-key]")
    assert lines[1] == "    5 | launch: {gpu: none}"
    assert lines[2] == "                 ^"
    assert lines[3] == "    → did you mean `gpus`?"


def test_overrides_win_and_are_named(vlft: Any, write_config: Any) -> None:
    config = str(write_config())
    done = vlft("train", config, "--dry-run", "--set", "train.learning_rate=3e-5")
    assert "--learning_rate 3e-5 " in done.out
    done = vlft("validate", config, "--set", "train.learning_rate=fast", "--format", "json")
    (finding,) = json.loads(done.out)["files"][0]["findings"]
    assert (finding["file"], finding["path"]) == (None, "--set train.learning_rate")


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("model.path=nowhere", "model.not-found"),
        ("data.train=[nowhere.jsonl]", "data.not-found"),
        ("launch.python=nowhere/python", "swift.interpreter"),
        ("deepspeed=nowhere.json", "launch.deepspeed-name"),
        ("launch.gpus=4", "launch.no-gpu"),
        ("train.global_batch_size=3", None),
    ],
)
@pytest.mark.parametrize("command", ["validate", "train"])
def test_what_is_missing_is_said_before_anything_starts(
    command: str, override: str, rule: str | None, vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    config = str(write_config("train: {per_device_train_batch_size: 2}\nlaunch: {gpus: none}\n"))
    done = vlft(command, config, "--set", override, "--hardware", "here")
    assert done.code == 1
    assert f"[{rule or 'batch.global-mismatch'}]" in done.out + done.err
    assert "Traceback" not in done.out + done.err
    assert not (tmp_path / "output").exists(), "nothing was started"


@pytest.mark.parametrize("text", ["", "a: [", "\tx: 1", "- a\n- b\n", "a: 1\na: 2\n", "\0"])
@pytest.mark.parametrize("command", ["validate", "train"])
def test_unreadable_yaml_is_one_message_and_exit_1(
    command: str, text: str, vlft: Any, tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    done = vlft(command, "bad.yaml")
    assert done.code == 1
    assert "bad.yaml" in done.out + done.err
    assert "Traceback" not in done.out + done.err


def test_a_missing_config_is_exit_1_and_a_wrong_flag_exit_2(vlft: Any) -> None:
    done = vlft("validate", "nowhere.yaml")
    assert (done.code, "nowhere.yaml" in done.out) == (1, True)
    assert vlft("validate", "--nowhere").code == 2
    assert vlft("validate", "x.yaml", "--hardware", "9xNothing").code == 2
    assert vlft("infer", "no-such-run", "--data", "x.jsonl").code == 2


def test_without_ms_swift_it_validates_and_says_what_to_install(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    python = light_environment(tmp_path / "light")
    config = str(write_config())
    where = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(package.__file__).parents[1])}
    assert vlft("validate", config, python=python, **where).code == 0
    dry = vlft("train", config, "--dry-run", python=python, **where)
    assert "swift sft --model" in dry.out
    done = vlft("train", config, python=python, **where)
    assert done.code == 1
    assert done.err.startswith("vlft: ms-swift is not installed")
    assert "pip install 'vlft[train]'" in done.err
    assert not (tmp_path / "output").exists()


def test_an_interpreter_without_ms_swift_is_named(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    done = vlft("train", str(write_config()), "--set", "launch.python=bare/bin/python")
    assert done.code == 1
    assert "ms-swift" in done.err
    assert "bare/bin/python" in done.err


def test_a_dry_run_is_a_line_that_a_shell_runs(vlft: Any, write_config: Any) -> None:
    extra = (
        'swift: {system: "it\'s $HOME; `id` \\\\ \\"q\\"", report_to: [none]}\n'
        "env: {A_B: 'x y;$(id)'}\nlaunch: {gpus: none}\n"
    )
    config = str(write_config(extra))
    described = json.loads(vlft("train", config, "--dry-run", "--format", "json").out)
    line = described["command"]
    # The shell starts python; have it print what it was given instead of training.
    code = "import json, os, sys; print(json.dumps([sys.argv[1:], os.environ['A_B']]))"
    probe = shlex.join([sys.executable, "-c", code])
    program = shlex.join(described["argv"][:2])
    assert program in line
    seen = subprocess.run(
        ["sh", "-c", line.replace(program, probe, 1)], capture_output=True, text=True, check=True
    )
    argv, variable = json.loads(seen.stdout)
    without_run = [word for word in argv if "/output/" not in word]
    assert without_run == [word for word in described["argv"][2:] if "/output/" not in word]
    assert variable == "x y;$(id)"
    assert 'it\'s $HOME; `id` \\ "q"' in argv
    assert (described["nodes"], described["nproc_per_node"], described["world_size"]) == (1, 1, 1)


def test_without_a_known_machine_there_is_no_command_but_a_way_to_it(
    vlft: Any, write_config: Any, data_file: Path
) -> None:
    config = str(write_config(""))
    data_file.write_text(data_file.read_text() * 8)  # rows for every process
    assert vlft("validate", config).code == 0
    done = vlft("train", config, "--dry-run", "--hardware", "none")
    assert done.code == 1
    assert "--hardware 4xA100-80G" in done.err
    done = vlft("train", config, "--dry-run", "--hardware", "4xA100-80G", "--format", "json")
    assert json.loads(done.out)["world_size"] == 4
    done = vlft("train", config)
    assert done.code == 1
    assert "launch: {gpus: none}" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["validate", "config.yaml"],
        ["train", "config.yaml", "--dry-run"],
        ["runs", "list"],
        ["infer", "no-such-run", "--data", "x"],
    ],
)
def test_no_vlft_process_imports_a_heavy_library(words: list[str], write_config: Any) -> None:
    config = write_config()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "vlft", *words],
        cwd=config.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert "vlft" in imported
    assert not imported & HEAVY


def test_help_needs_neither_pydantic_models_nor_rich(write_config: Any) -> None:
    code = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    code += "from vlft.cli import main; main()"
    command = [sys.executable, "-c", code, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert {"vlft.cli.train", "vlft.cli.doctor"} <= loaded
    heavy = {"vlft.config.schema", "vlft.pipeline", "yaml", "rich.console", "psutil"}
    assert not loaded & {*heavy, "tree_sitter"}


def test_a_command_imports_no_other_ones_file(tmp_path: Path) -> None:
    code = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
    code += "from vlft.cli import main; main()"
    command = [sys.executable, "-c", code, "validate", str(tmp_path), "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name for name in done.stderr.split() if name.startswith("vlft.cli.")}
    assert loaded == {"vlft.cli.validate", "vlft.cli.options"}


@pytest.mark.parametrize(("words", "debug"), [(["--verbose"], ""), ([], "1"), ([], "")])
def test_the_place_of_an_internal_error_is_shown_on_demand(words: list[str], debug: str) -> None:
    code = "from vlft import rule_catalog; rule_catalog.catalogue = None\n"
    code += "from vlft.cli import main; main()"
    command = [sys.executable, "-c", code, *words, "explain", "--list"]
    env = os.environ | {"VLFT_DEBUG": debug}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 1
    assert "vlft: internal error: TypeError" in done.stderr
    assert ("Traceback" in done.stderr) is bool(words or debug)


def test_verbose_shows_what_is_read(vlft: Any, write_config: Any) -> None:
    quiet, verbose = (
        vlft(*words, "validate", write_config().name) for words in ([], ["--verbose"])
    )
    assert verbose.out == quiet.out
    assert quiet.err == ""
    assert verbose.err.startswith("config.yaml: ms-swift ")


@pytest.mark.parametrize(
    "words",
    [
        ["data", "check", "--config"],
        ["data", "stats", "--config"],
        ["tokens", "28x28", "--config"],
        ["plan"],
        ["train"],
    ],
)
def test_every_command_shows_why_a_config_can_not_be_read(
    words: list[str], vlft: Any, tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text("model: [\n")
    done = vlft(*words, "c.yaml")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("c.yaml:2:1: error: ")
    assert done.err.count("error: ") == 1


@pytest.mark.parametrize("words", [["data", "check", "a.jsonl"], ["data", "stats", "a.jsonl"]])
def test_an_override_of_no_config_is_refused(words: list[str], vlft: Any) -> None:
    done = vlft(*words, "--set", "data.max_length=8")
    assert (done.code, done.out) == (2, "")
    assert "--set belongs to --config" in done.err
