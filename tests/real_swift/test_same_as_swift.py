"""vlft starts what ms-swift's own command would start."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from vlft.plan import Command, render_flags

# Runs ms-swift's command line with the one call that starts the trainer replaced by a print.
PROBE = """
import json, subprocess, sys
from types import SimpleNamespace
subprocess.run = lambda args: print("STARTS " + json.dumps(args)) or SimpleNamespace(returncode=0)
from swift.cli.main import cli_main
cli_main()
"""


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["launch.nproc_per_node=2"],
        ["launch.nnodes=2", "launch.master_addr=10.0.0.1", "launch.master_port=29511"],
        ["deepspeed=zero2", "launch.nproc_per_node=2", "launch.master_port=29512"],
        ["task=pt"],
    ],
    ids=["one process", "two processes", "two nodes", "deepspeed", "pt"],
)
def test_the_process_is_the_one_that_swift_starts(
    overrides: list[str], vlft: Any, write_config: Any
) -> None:
    words = [word for override in overrides for word in ("--set", override)]
    named = ("--run-id", "run")  # nodes have to agree on it
    done = vlft("train", str(write_config()), "--dry-run", "--format", "json", *named, *words)
    assert done.code == 0, done.err
    described = json.loads(done.out)
    argv = described["argv"]
    script = next(i for i, word in enumerate(argv) if word.endswith(("sft.py", "pt.py")))
    subcommand = "pt" if argv[script].endswith("/pt.py") else "sft"
    swift = subprocess.run(
        [sys.executable, "-c", PROBE, subcommand, *argv[script + 1 :]],
        env={"PATH": "/usr/bin:/bin", **described["env"]},
        capture_output=True,
        text=True,
        check=True,
    )
    (started,) = [line for line in swift.stdout.splitlines() if line.startswith("STARTS ")]
    assert json.loads(started.removeprefix("STARTS ")) == argv


def test_values_of_any_kind_reach_argparse_unharmed() -> None:
    """Held against the parser that ms-swift uses."""
    flags = render_flags(
        {
            "system": ("--be brief; $HOME `id` \"'",),
            "dataset": ("a b.jsonl", "c#3"),
            "learning_rate": ("1e-4",),
            "model_kwargs": ('{"max_pixels": 3}',),
            "freeze_vit": ("false",),
        }
    )
    code = (
        "import json, sys\nfrom transformers import HfArgumentParser\n"
        "from swift.arguments import SftArguments\n"
        "SftArguments.__post_init__ = lambda self: None\n"
        "a, rest = HfArgumentParser(SftArguments).parse_args_into_dataclasses(sys.argv[1:], "
        "return_remaining_strings=True)\n"
        "print('GOT ' + json.dumps([a.system, a.dataset, a.learning_rate, a.model_kwargs, "
        "a.freeze_vit, rest]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *flags], capture_output=True, text=True, check=True
    )
    (got,) = [line for line in done.stdout.splitlines() if line.startswith("GOT ")]
    assert json.loads(got.removeprefix("GOT ")) == [
        "--be brief; $HOME `id` \"'",
        ["a b.jsonl", "c#3"],
        1e-4,
        '{"max_pixels": 3}',
        False,
        [],
    ]
    assert Command(tuple(flags), {}, ()).masked().argv == tuple(flags)
