"""The judge as tests use it: one process, asked about what vlft would start."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.ms_swift import PROGRAMS
from vlft.pipeline import Ready, Rejected
from vlft.plan import render
from vlft.security.secrets import Variable, reveal

# Packages that ms-swift asks for while it reads arguments, where they are asked for.
_OPTIONAL = ("bitsandbytes", "deepspeed", "evalscope", "hqq", "jieba", "liger-kernel", "swanlab")


@dataclass(frozen=True)
class Verdict:
    """What ms-swift made of a command."""

    ok: bool
    error: str | None
    values: dict[str, Any]


class Judge:
    """A running judge.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, PROGRAMS / "judge.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def close(self) -> None:
        self._process.communicate()

    def ask(self, request: dict[str, Any]) -> Verdict:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"id": 0, **request}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Verdict(answer["ok"], answer["error"], answer["values"])


def request(
    prepared: Ready | Rejected,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    want: Iterable[str] = (),
) -> dict[str, Any] | None:
    """What the judge is to be asked about a prepared config; None if it has no plan.

    Where it is not known how many GPUs there are, there is one a process.
    """
    if isinstance(prepared, Rejected):
        return None
    plan, facts = prepared.plan, prepared.facts
    command = render(plan, facts.interpreter, folder / "judged")
    flags = next(i for i, word in enumerate(command.argv) if str(word).startswith("--model"))
    world = plan.world
    processes = world.nproc_per_node or 1
    packages = facts.interpreter.packages if facts.interpreter else {}
    return {
        "subcommand": plan.subcommand,
        "argv": [_word(word) for word in command.argv[flags:]],
        "env": {**(environ or {}), **{name: reveal(text) for name, text in command.env.items()}},
        "gpus": processes if world.gpus_per_node is None else world.gpus_per_node,
        "nproc": processes,
        "nnodes": world.nnodes,
        "torchrun": plan.torchrun and world.world_size is not None,
        "without": [name for name in _OPTIONAL if name not in packages],
        "cwd": str(folder),
        "want": list(want),
    }


def _word(word: str | Variable) -> str:
    """A word as the trainer gets it."""
    if isinstance(word, str):
        return word
    assert word.secret is not None
    return word.prefix + word.secret.reveal()
