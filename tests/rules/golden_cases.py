"""The golden cases of the rules: how they are written, and what vlft reports for one.

`expected/SUBJECT.txt` has the cases of one subject. A case is a line `$ KEY=VALUE …`: what it
adds to the config that all cases start from (a Qwen2-VL folder, 64 rows, the CPU). Variables of
the caller's environment may come first, `--hardware NAME` last. Below it are the findings, each
with severity, rule and key, or `fine`:

    $ launch.gpus=auto --hardware T4
    warning precision.emulated model.path

`wording/SUBJECT.txt` has the exact text of each rule once, with its line and column: what vlft
reports for the rule's example (examples/):

    precision.emulated at 2:9
        a T4 has no bfloat16: torch emulates it, many times slower
        → write `model: {torch_dtype: float16}`

Both are rewritten by `expectations.py`.
"""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from examples import EXAMPLES, Example
from examples.case_folders import lay_out_cases
from examples.folder import lay_out

from vlft.findings import Finding
from vlft.pipeline import Ready, Rejected, look_at_hardware, prepare
from vlft.probe.collect import FactCache
from vlft.probe.hardware import probe_hardware

EXPECTED = Path(__file__).with_name("expected")
WORDING = Path(__file__).with_name("wording")
FINE = "fine"
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*=")
_PLAIN = re.compile(r"[\w.,:/=@%+*-]+", re.ASCII)
_HEADER = re.compile(r"(\S+) at \d+:\d+")
_LONGEST_ID = 150

Caches = dict[str, FactCache]


@dataclass(frozen=True)
class Case:
    """What a case adds to the config, and what vlft is expected to report.

    Attributes:
        subject: Name of the file in expected/.
        overrides: `KEY=VALUE`, as of `--set`; the last one of a key counts.
        hardware: As of `--hardware`.
        environ: The caller's variables.
        findings: `SEVERITY RULE KEY` of each finding, or `fine`; empty for a new case.
        comment: The lines above the case that start with `#`.
    """

    subject: str
    overrides: list[str]
    hardware: str = "none"
    environ: dict[str, str] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    comment: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The line of the file, without `$`."""
        words = [f"{name}={_quoted(value)}" for name, value in self.environ.items()]
        words += [_quoted(word) for word in self.overrides]
        words += [] if self.hardware == "none" else ["--hardware", self.hardware]
        return " ".join(words)

    @property
    def id(self) -> str:
        """Name of the test; a long command is cut in the middle."""
        text = f"{self.subject}: {self.command}"
        return text if len(text) <= _LONGEST_ID else f"{text[:72]} ... {text[-73:]}"

    @property
    def rules(self) -> frozenset[str]:
        """The rules that are expected to report something."""
        return frozenset(line.split()[1] for line in self.findings if line != FINE)


def subjects() -> list[str]:
    """The names of all files of cases."""
    return sorted(file.stem for file in EXPECTED.glob("*.txt"))


def read_cases(subject: str) -> list[Case]:
    """The cases of one file, in its order."""
    cases: list[Case] = []
    comment: list[str] = []
    for line in _lines_of(EXPECTED / f"{subject}.txt"):
        if line.startswith("#"):
            comment.append(line)
        elif line.startswith("$ "):
            cases.append(replace(_parsed(subject, line[2:]), comment=tuple(comment)))
            comment = []
        else:
            cases[-1] = replace(cases[-1], findings=(*cases[-1].findings, line))
    return cases


def write_cases(subject: str, cases: Iterable[Case]) -> None:
    """Writes one file of cases."""
    blocks = ["\n".join([*c.comment, f"$ {c.command}", *c.findings]) + "\n" for c in cases]
    (EXPECTED / f"{subject}.txt").write_text("\n".join(blocks), encoding="utf-8")


def read_wording(subject: str) -> dict[str, str]:
    """Rule → the text that is expected for its example, of one file."""
    texts: dict[str, str] = {}
    rule = ""
    for line in _lines_of(WORDING / f"{subject}.txt"):
        if header := _HEADER.fullmatch(line):
            rule = header[1]
        texts[rule] = f"{texts[rule]}\n{line}" if rule in texts else line
    return texts


def write_wording(subject: str, texts: Iterable[str]) -> None:
    """Writes one file of wording."""
    text = "\n".join(f"{text}\n" for text in texts)
    (WORDING / f"{subject}.txt").write_text(text, encoding="utf-8")


def subject_of(rule: str) -> str:
    """The file that a rule belongs to."""
    return rule.partition(".")[0]


def case_of(rule: str) -> Case:
    """The example that breaks a rule, as a case."""
    example: Example = EXAMPLES[rule]
    return Case(subject_of(rule), example.fails, example.hardware, example.environ)


def prepare_folder(folder: Path, make_model: Callable[..., Path]) -> None:
    """Makes all that the paths in cases refer to."""
    make_model(folder / "Qwen2-VL-2B-Instruct")
    lay_out(folder, make_model)
    lay_out_cases(folder, make_model)


def report(case: Case, folder: Path, caches: Caches) -> Sequence[Finding]:
    """What vlft reports for the case; arguments as in `prepared`."""
    return prepared(case, folder, caches).findings


def prepared(case: Case, folder: Path, caches: Caches) -> Ready | Rejected:
    """The case, written as a config file in this folder, as vlft takes it.

    Args:
        case: What is added to the config.
        folder: Made by `prepare_folder`, and the working directory.
        caches: What was read there before, by the caller's environment.
    """
    file = folder / "config.yaml"
    file.write_text(_config(case.overrides), encoding="utf-8")
    environ = {"PATH": "/usr/bin:/bin", **case.environ}
    # The machine of the tests differs each time: only PATH decides what is found on it.
    here = case.hardware == "here"
    hardware = probe_hardware(environ=environ) if here else look_at_hardware(case.hardware)
    cache = caches.setdefault(str(environ), FactCache())
    return prepare(file.name, [], hardware, environ, cache=cache)


def as_lines(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Findings as they are written below a case."""
    lines = tuple(f"{found.severity} {found.rule} {found.path}" for found in findings)
    return lines or (FINE,)


def as_wording(rule: str, findings: Iterable[Finding], folder: Path) -> str:
    """What one rule reports, word for word; paths of this machine have names instead."""
    lines: list[str] = []
    for found in findings:
        if found.rule == rule:
            lines += [f"{rule} at {found.line}:{found.column}", f"    {found.message}"]
            lines += [] if found.hint is None else [f"    → {found.hint}"]
    return "\n".join(lines).replace(str(folder), "FOLDER").replace(sys.executable, "PYTHON")


def _lines_of(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return [line for line in text.splitlines() if line]


def _parsed(subject: str, text: str) -> Case:
    words, hardware = shlex.split(text), "none"
    if "--hardware" in words:
        place = words.index("--hardware")
        hardware = words[place + 1]
        del words[place : place + 2]
    environ = dict(word.split("=", 1) for word in words if _VARIABLE.match(word))
    overrides = [word for word in words if not _VARIABLE.match(word)]
    return Case(subject, overrides, hardware, environ)


def _config(overrides: list[str]) -> str:
    """The config in YAML; each value is there as it was written."""
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
