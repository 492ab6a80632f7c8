"""The text of batch scripts: golden files, and values that bash and sbatch give back unchanged."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vlft.engines.slurm.engine import array_secrets, submitting_environment
from vlft.engines.slurm.script import (
    Job,
    directive,
    file_pattern,
    render_array,
    render_script,
    word,
)
from vlft.environment import Environment
from vlft.errors import VlftError
from vlft.plan import Command, MaskedCommand
from vlft.security.secrets import Secret, Variable

GOLDEN = Path(__file__).with_name("golden")

PLAIN = Job(
    options=("--nodes=1", "--ntasks-per-node=1", "--no-requeue"),
    folder=Path("/runs/digits-1"),
    attempt=Path("/runs/digits-1"),
    cwd="/home/me",
    vlft=("/env/bin/python", "-m", "vlft"),
    setup=(),
    env_file=None,
    unset=("RANK",),
    secrets={},
    env=(("MAX_PIXELS", "200704"),),
    program=("/env/bin/python", "/env/swift/cli/sft.py", "--model", "/m", "--dataset", "/a", "/b"),
    command=MaskedCommand((), {}),
    resuming=(),
    nnodes=1,
    rendezvous=False,
    port=None,
    srun=(),
    signal_seconds=None,
)
FULL = replace(
    PLAIN,
    options=(*PLAIN.options[:-1], '--comment=a "b" \\c', "--requeue", "--signal=B:USR1@120"),
    attempt=Path("/runs/digits-1/attempt-2"),
    setup=("module load cuda", 'export NCCL_SOCKET_IFNAME="$(fastest)"'),
    env_file="/home/me/secret env",
    secrets={"HF_TOKEN": Secret("t"), "VLFT_HUB_TOKEN": Secret("t")},
    env=(("ODD", "a, 'b' $C\né"), ("MASTER_ADDR", Variable("MASTER_ADDR"))),
    program=(
        *("swift", "sft", "--master_port", Variable("MASTER_PORT")),
        *(Variable("VLFT_HUB_TOKEN", "--hub_token="), "--system", "it's\r\nodd"),
    ),
    resuming=("--resume_only_model", "false"),
    nnodes=2,
    rendezvous=True,
    port=29500,
    srun=("--container-image=a b.sqsh", "--container-mounts=/runs:/runs,/data:/data"),
    signal_seconds=120,
)


def planned(name: str, job: Job = PLAIN, **secrets: str) -> Job:
    folder = Path("/runs", name)
    held = {variable: Secret(value) for variable, value in secrets.items()}
    return replace(job, folder=folder, attempt=folder, secrets=held)


TEXTS = {
    "plain": render_script(PLAIN),
    "full": render_script(FULL),
    "array": render_array([planned("a-1"), planned("it's b")]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_the_script_is_the_one_in_the_golden_file(name: str) -> None:
    file = GOLDEN / f"{name}.sbatch"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_bytes(TEXTS[name].encode())
    assert TEXTS[name].encode() == file.read_bytes()


@pytest.mark.parametrize("name", TEXTS)
def test_bash_reads_the_script(name: str) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=TEXTS[name].encode(), capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_no_script_has_line_ends_that_sbatch_refuses() -> None:
    assert "\r" not in "".join(TEXTS.values())


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), max_size=30))
def test_bash_gives_every_word_back(values: list[str]) -> None:
    line = "printf '%s\\0' " + " ".join(map(word, values))
    assert "\r" not in line
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    expected = [value.encode() for value in values] or [b""]
    assert done.stdout.split(b"\0")[:-1] == expected


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("--requeue", "#SBATCH --requeue"),
        ("--nodes=2", "#SBATCH --nodes=2"),
        ("--signal=B:USR1@60", "#SBATCH --signal=B:USR1@60"),
        ("--comment=a b", '#SBATCH --comment="a b"'),
        ("--comment=a#b", '#SBATCH --comment="a#b"'),
        ('--comment="\\', '#SBATCH --comment="\\"\\\\"'),
        ("--comment=", '#SBATCH --comment=""'),
    ],
)
def test_an_option_becomes_a_line(option: str, line: str) -> None:
    assert directive(option) == line


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b", "\x1b"])
def test_an_option_that_is_no_line_is_refused(value: str) -> None:
    with pytest.raises(VlftError, match="--comment: a line of sbatch"):
        directive(f"--comment={value}")


def test_a_folder_is_not_taken_for_a_pattern() -> None:
    assert file_pattern("/100%j", "slurm-%j.out") == "/100%%j/slurm-%j.out"
    with pytest.raises(VlftError, match="backslash"):
        file_pattern("/a\\b", "x")


def test_an_array_whose_jobs_differ_is_refused() -> None:
    other = planned("c", replace(PLAIN, options=("--nodes=2",)))
    with pytest.raises(VlftError, match=r"a and c differ in .*--nodes=1, --nodes=2"):
        render_array([planned("a"), other])


def test_the_secrets_of_an_array_are_one_environment() -> None:
    same = [planned("a", A="x"), planned("b", A="x", B="y")]
    assert array_secrets(same) == {"A": Secret("x"), "B": Secret("y")}
    with pytest.raises(VlftError, match="A differs in b") as raised:
        array_secrets([planned("a", A="x"), planned("b", A="z")])
    assert "z" not in str(raised.value)


def test_secrets_become_variables() -> None:
    command = Command(
        (
            *("swift", "sft", "--hub_token=t-1", "--swanlab_token", "t-2"),
            *("--dataset", "http://me:pass@host/a", "/b"),
        ),
        {"HF_TOKEN": "t-3", "NCCL_DEBUG": "INFO", "PROXY": "http://me:pass@host"},
        (),
    )
    assert command.argv == (
        *("swift", "sft", Variable("VLFT_HUB_TOKEN", "--hub_token=", Secret("t-1"))),
        *("--swanlab_token", Variable("VLFT_SWANLAB_TOKEN", secret=Secret("t-2"))),
        *("--dataset", Variable("VLFT_DATASET", secret=Secret("http://me:pass@host/a")), "/b"),
    )
    assert command.plain_env == {"NCCL_DEBUG": "INFO"}
    assert {name: secret.reveal() for name, secret in command.secrets.items()} == {
        "VLFT_HUB_TOKEN": "t-1",
        "VLFT_SWANLAB_TOKEN": "t-2",
        "VLFT_DATASET": "http://me:pass@host/a",
        "HF_TOKEN": "t-3",
        "PROXY": "http://me:pass@host",
    }


def test_the_callers_defaults_count_where_the_config_is_silent() -> None:
    caller = {
        "HOME": "/me",
        "SLURM_CONF": "/etc/slurm.conf",
        "SLURM_CPUS_PER_TASK": "1",  # of an interactive job
        "SBATCH_PARTITION": "theirs",
        "SBATCH_ACCOUNT": "theirs",
        "SBATCH_OUTPUT": "/elsewhere",
    }
    env = submitting_environment(Environment(caller), ("--partition=ours",), {"HF_TOKEN": "x"})
    assert env == {
        "HOME": "/me",
        "SLURM_CONF": "/etc/slurm.conf",
        "SBATCH_ACCOUNT": "theirs",
        "HF_TOKEN": "x",
    }
