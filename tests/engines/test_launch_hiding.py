"""A secret reaches the trainer on every way to it, and nobody else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.standin_swift import standin_interpreter

ARGUMENT = "s3cret-of-an-argument"
DASHED = "-s3cret that begins {with} a dash"
VARIABLES = {
    "MY_TOKEN": "s3cret-of-the-config",
    "WANDB_API_KEY": "s3cret-of-a-file-that-it-extends",
    "HTTPS_PROXY": "http://me:s3cret-of-a-url@host",
    "HF_TOKEN": "s3cret-of-the-caller",
}
MARK = "s3cret"

# Says what reached it, and what `ps` shows of it and of who started it.
TELLER = """
import json, os, sys
from pathlib import Path

run = Path(sys.argv[sys.argv.index("--output_dir") + 1]).parent
listed, pid = [], os.getpid()
while pid > 1:
    listed.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode())
    pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
again = "--resume_from_checkpoint" in sys.argv
told = {"argv": sys.argv[1:], "env": dict(os.environ), "listed": listed, "path": sys.path[0]}
Path(os.environ["TOLD"]).write_text(json.dumps(told))
saved = run / "checkpoints" / "checkpoint-2"
saved.mkdir(parents=True, exist_ok=True)
(saved / "trainer_state.json").write_text("{}")
sys.exit(0 if again else "the end of the first attempt")
"""


@pytest.fixture
def swift_cli(tmp_path: Path) -> Path:
    """The folder of the stand-in's programs; its Python is `standin/bin/python`."""
    standin_interpreter(tmp_path / "standin")
    (site,) = (tmp_path / "standin").glob("lib/python3.*/site-packages")
    (site / "swift" / "cli" / "sft.py").write_text(TELLER)
    return site / "swift" / "cli"


@pytest.fixture
def config(tmp_path: Path, write_config: Any, swift_cli: Path, monkeypatch: Any) -> Any:
    """Writes a config with secrets of every kind."""
    base = tmp_path / "secrets.yaml"
    base.write_text(f"env: {{WANDB_API_KEY: {VARIABLES['WANDB_API_KEY']}}}\n")
    base.chmod(0o600)
    monkeypatch.setenv("HF_TOKEN", VARIABLES["HF_TOKEN"])
    monkeypatch.setenv("TOLD", str(tmp_path / "told.json"))

    def write(launch: str, more: str = "") -> str:
        path: Path = write_config(
            f"extends: secrets.yaml\nlaunch: {{{launch}, python: standin/bin/python}}\n"
            f"env: {{MY_TOKEN: {VARIABLES['MY_TOKEN']}, HTTPS_PROXY: '{VARIABLES['HTTPS_PROXY']}'}}"
            f"\nswift: {{swanlab_token: {ARGUMENT}, swanlab_secret: {json.dumps(DASHED)}}}\n{more}"
        )
        return str(path)

    return write


def check_what_was_told(tmp_path: Path, swift_cli: Path) -> None:
    told = json.loads((tmp_path / "told.json").read_text())
    argv = told["argv"]
    assert argv[argv.index("--swanlab_token") + 1] == ARGUMENT
    assert f"--swanlab_secret={DASHED}" in argv
    assert {name: told["env"][name] for name in VARIABLES} == VARIABLES
    assert not [name for name in told["env"] if name.startswith("VLFT_")], "to no child of its own"
    assert Path(told["path"]) == swift_cli, "as if it had been started itself"
    assert len(told["listed"]) >= 2, "the trainer and the supervisor"
    assert not [words for words in told["listed"] if MARK in words]


def files_with_secrets(folder: Path) -> list[Path]:
    return [
        path for path in folder.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()
    ]


def test_secrets_of_a_local_run(vlft: Any, config: Any, swift_cli: Path, tmp_path: Path) -> None:
    done = vlft("train", config("gpus: none"), "--no-validate")
    assert done.code == 3, done.err
    check_what_was_told(tmp_path, swift_cli)
    (run,) = (tmp_path / "output").iterdir()
    (tmp_path / "told.json").unlink()
    resumed = vlft("runs", "resume", run.name, "--no-validate")
    assert resumed.code == 0, resumed.err
    check_what_was_told(tmp_path, swift_cli)
    shown = [vlft("runs", word, run.name) for word in ("show", "logs")]
    said = [one.out + one.err for one in (done, resumed, *shown)]
    assert not [text for text in said if MARK in text]
    assert (run / "attempt-2" / "attempt.json").exists()
    assert files_with_secrets(run) == []


def test_what_is_printed_names_secrets_only(vlft: Any, config: Any) -> None:
    launches = {
        "gpus: none": ["--dry-run"],
        "gpus: none, nnodes: 2, master_addr: n1": ["--print-node-commands"],
        "gpus: none, engine: slurm": ["--dry-run"],
    }
    for launch, flags in launches.items():
        for form in ("text", "json"):
            words = ("--no-validate", *flags, "--format", form)
            printed = vlft("train", config(launch), *words)
            assert (printed.code, MARK in printed.out + printed.err) == (0, False), printed
            assert "MY_TOKEN" in printed.out or "--print-node-commands" in flags


def test_a_secret_of_a_job_is_in_its_environment_alone(
    vlft: Any, config: Any, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.write_text("#!/bin/sh\nenv -0 > submitted.env\necho 7\n")
    sbatch.chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    words = ("train", config("gpus: none, engine: slurm"), "--no-validate", "--run-id", "job")
    done = vlft(*words, PATH=path)
    assert (done.code, MARK in done.out + done.err) == (0, False), done.err
    run = tmp_path / "output" / "job"
    assert files_with_secrets(run) == []
    held = dict(
        line.partition("=")[::2] for line in (tmp_path / "submitted.env").read_text().split("\0")
    )
    assert VARIABLES.items() <= held.items()
    # What Slurm's step would start: the script's own lines, with `srun` and its options left out.
    script = (run / "job.sbatch").read_text()
    assert "srun " in script
    (tmp_path / "bin" / "srun").write_text(
        '#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do shift; done\nexec "$@"\n'
    )
    (tmp_path / "bin" / "srun").chmod(0o755)
    submitted = held | {"PATH": path, "SLURM_JOB_ID": "7"}
    submitted.pop("")
    subprocess.run(["bash", str(run / "job.sbatch")], env=submitted, check=False, cwd=tmp_path)
    told = json.loads((tmp_path / "told.json").read_text())
    assert ARGUMENT in told["argv"]
    assert f"--swanlab_secret={DASHED}" in told["argv"]
    assert not [words for words in told["listed"] if MARK in words]


def test_a_secret_of_a_pod_is_a_reference(vlft: Any, write_config: Any, config: Any) -> None:
    refused = vlft("train", config("gpus: none, engine: kubernetes", "kubernetes: {image: i}\n"))
    assert (refused.code, MARK in refused.out) == (1, False)
    named = write_config(
        "launch: {gpus: none, engine: kubernetes}\n"
        "kubernetes: {image: i, secrets: {HF_TOKEN: hub/token},\n"
        "  volumes: [{mount: /, claim: disk}]}\n"
    )
    printed = vlft("train", str(named))
    assert (printed.code, MARK in printed.out) == (0, False), printed.err
    env = yaml.safe_load(printed.out)["spec"]["trainer"]["env"]
    reference = {"secretKeyRef": {"name": "hub", "key": "token"}}
    assert {"name": "HF_TOKEN", "valueFrom": reference} in env


def test_a_secret_that_was_given_by_a_flag_is_asked_for_again(
    vlft: Any, config: Any, tmp_path: Path
) -> None:
    flag = ("--set", "env.OTHER_TOKEN=s3cret-of-a-flag")
    assert vlft("train", config("gpus: none"), "--no-validate", *flag).code == 3
    (run,) = (tmp_path / "output").iterdir()
    refused = vlft("runs", "resume", run.name)
    assert (refused.code, "which is not kept" in refused.err) == (1, True)
    assert files_with_secrets(run) == []
