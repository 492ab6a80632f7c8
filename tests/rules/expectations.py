"""What vlft says of each case in expected/: a file a subject, read and written here.

A case is a line `$ KEY=VALUE …`, what it adds to the config that all start from (examples/):
a Qwen2-VL folder, 64 rows, the CPU. Variables of the caller's environment may stand in front,
`--hardware NAME` behind. Below stands all that vlft says, or `fine`:

    $ launch.gpus=auto --hardware T4
    2:9 warning precision.emulated model.path
        a T4 has no bfloat16: torch emulates it, many times slower
        → write `model: {torch_dtype: float16}`

    python tests/rules/expectations.py      writes what is said today; read what changes
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from examples import EXAMPLES, Example
from examples.case_folders import lay_out_cases
from examples.folder import lay_out

from vlft.findings import Finding
from vlft.pipeline import look_at_hardware, prepare
from vlft.probe.cache import FactCache
from vlft.probe.hardware import probe_hardware

EXPECTED = Path(__file__).with_name("expected")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*=")
_PLAIN = re.compile(r"[\w.,:/=@%+*-]+", re.ASCII)
_INDENT = "    "


@dataclass(frozen=True)
class Case:
    """What is added to the config, and what vlft is expected to say of it.

    Attributes:
        subject: Name of the file in expected/.
        overrides: `KEY=VALUE`, as of `--set`; the last one of a key holds.
        hardware: As of `--hardware`.
        environ: The caller's variables.
        says: The lines below the case.
    """

    subject: str
    overrides: list[str]
    hardware: str = "none"
    environ: dict[str, str] = field(default_factory=dict)
    says: str = ""

    @property
    def command(self) -> str:
        """The line of the file."""
        words = [f"{name}={_quoted(value)}" for name, value in self.environ.items()]
        words += [_quoted(word) for word in self.overrides]
        words += [] if self.hardware == "none" else ["--hardware", self.hardware]
        return " ".join(["$", *words])


def read_cases(subject: str) -> list[Case]:
    """The cases of one file, as they stand there."""
    file = EXPECTED / f"{subject}.txt"
    cases: list[Case] = []
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    for start, end in pairwise([*starts, len(lines)]):
        below = [line for line in lines[start + 1 : end] if line and not line.startswith("#")]
        cases.append(_case(subject, lines[start][2:], "\n".join(below)))
    return cases


def _case(subject: str, text: str, says: str) -> Case:
    words, hardware = shlex.split(text), "none"
    if "--hardware" in words:
        place = words.index("--hardware")
        hardware = words[place + 1]
        del words[place : place + 2]
    environ = dict(word.split("=", 1) for word in words if _VARIABLE.match(word))
    overrides = [word for word in words if not _VARIABLE.match(word)]
    return Case(subject, overrides, hardware, environ, says)


def case_of(rule: str, example: Example) -> Case:
    """The example that breaks a rule, as a case."""
    subject = rule.partition(".")[0]
    return Case(subject, example.fails, example.hardware, example.environ)


Caches = dict[str, FactCache]


def said(case: Case, folder: Path, caches: Caches) -> str:
    """What vlft says of the case, written down in a config file in this folder.

    Args:
        case: What is added to the config.
        folder: Laid out by `prepare_folder`, and the working directory.
        caches: What was read there before, by the caller's environment.
    """
    file = folder / "config.yaml"
    file.write_text(_config(case.overrides), encoding="utf-8")
    environ = {"PATH": "/usr/bin:/bin", **case.environ}
    # The machine around the tests would be another one each time: PATH says what is found.
    here = case.hardware == "here"
    hardware = probe_hardware(environ=environ) if here else look_at_hardware(case.hardware)
    cache = caches.setdefault(str(environ), FactCache())
    findings = prepare(file.name, [], hardware, environ, cache=cache).findings
    text = "\n".join(line for finding in findings for line in _lines(finding)) or "fine"
    return text.replace(str(folder), "FOLDER").replace(sys.executable, "PYTHON")


def _lines(finding: Finding) -> Iterator[str]:
    yield f"{finding.line}:{finding.column} {finding.severity} {finding.rule} {finding.path}"
    yield _INDENT + finding.message
    if finding.hint is not None:
        yield f"{_INDENT}→ {finding.hint}"


def _config(overrides: list[str]) -> str:
    """The config in YAML; each value stands there as it was written."""
    tree: dict[str, Any] = {}
    base = ["model.path=Qwen2-VL-2B-Instruct", "data.train=[train.jsonl]", "launch.gpus=none"]
    if not any(override.startswith("launch.engine=") for override in overrides):
        base.append("launch.python=trainer/bin/python")  # a scheduler has its own
    for override in [*base, *overrides]:
        key, value = override.split("=", 1)
        *parents, last = key.split(".")
        node = tree
        for parent in parents:
            below = node.get(parent, {})
            if isinstance(below, str):  # `a={b: 1}` before `a.c=2`
                below = {name: json.dumps(part) for name, part in yaml.safe_load(below).items()}
            node[parent] = node = below
        node[last] = value
    return "".join(_written(tree, ""))


def _written(tree: dict[str, Any], indent: str) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, str):
            yield f"{indent}{key}: {value}\n"
        else:
            yield f"{indent}{key}:\n"
            yield from _written(value, indent + "  ")


def _quoted(word: str) -> str:
    if _PLAIN.fullmatch(word):
        return word
    return f"'{word}'" if "'" not in word else '"' + re.sub(r'(["\\$`])', r"\\\1", word) + '"'


def write(folder: Path) -> None:
    """Writes every file of expected/ anew, with the cases of examples that it lacks."""
    caches: Caches = {}
    subjects = {rule.partition(".")[0] for rule in EXAMPLES}
    for subject in sorted(subjects | {file.stem for file in EXPECTED.glob("*.txt")}):
        file = EXPECTED / f"{subject}.txt"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        there = {case.command for case in read_cases(subject)}
        for rule, example in EXAMPLES.items():
            case = case_of(rule, example)
            if case.subject == subject and case.command not in there:
                there.add(case.command)
                text += f"\n{case.command}\n"
        blocks = [""]
        for line in text.splitlines():
            if line.startswith("#"):
                blocks[-1] += f"{line}\n"
            elif line.startswith("$ "):
                case = _case(subject, line[2:], "")
                blocks[-1] += f"{case.command}\n{said(case, folder, caches)}\n"
                blocks.append("")
        file.write_text("\n".join(blocks[:-1]), encoding="utf-8")


def main(make_model: Callable[..., Path]) -> None:
    """Writes expected/ from a fresh folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        prepare_folder(folder, make_model)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        os.chdir(folder)
        write(folder)


def prepare_folder(folder: Path, make_model: Callable[..., Path]) -> None:
    """All that the cases' paths name."""
    make_model(folder / "Qwen2-VL-2B-Instruct")
    lay_out(folder, make_model)
    lay_out_cases(folder, make_model)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from tests_support import make_model_folder

    main(make_model_folder)
