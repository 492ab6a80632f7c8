"""Configs as plain data, and what vlft and ms-swift say of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from config.strategies import configs, free_arguments, maybe
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture import providers

from support.ms_swift.judging import Judge, Verdict, request
from vlft.config.schema import ARGUMENTS, RESERVED
from vlft.findings import Finding
from vlft.pipeline import prepare
from vlft.rules import all_rules
from vlft.swift.probe import read_swift
from vlft.swift.release import Argument, Subcommand

RULES = all_rules()

ENVIRON = {"PATH": "/usr/bin:/bin"}
SWIFT = read_swift(None)
BASE: dict[str, Any] = {
    "model": {"path": "Qwen2-VL-2B-Instruct"},
    "data": {"train": ["train.jsonl"]},
    "launch": {"gpus": "none"},
}
# Fetched from a hub, or sent to one, if they name something; the judge has no network.
OF_A_HUB = frozenset({"adapters", "hub_token", "swanlab_token"})
EDGES: dict[str, list[Any]] = {
    "bool": [True, False, "nonsense"],
    "int": [0, -1, 1, 2, 16, 10**20, 0.5, "nonsense"],
    "float": [0, -1, 0.5, 1, 2, 1e30, "nonsense"],
    "str": ["", "nonsense", "auto", "x.txt", "x.json", 0],
    "json": [{}, {"a": 1}, {"1": 2}, "nonsense", "{}", "{", "", "x.json", 0],
}


class Case:
    """A config and what both sides say of it."""

    def __init__(self, data: dict[str, Any], folder: Path) -> None:
        self.data = data
        self._folder = folder
        self._file = folder / "config.yaml"
        self._file.write_text(json.dumps(data))
        self.errors: list[Finding] = [
            found
            for found in prepare(self._file, environ=ENVIRON).findings
            if found.severity == "error"
        ]

    @property
    def aborts(self) -> bool:
        """Whether all errors are such that ms-swift refuses the arguments; so if there is none."""
        rules = [RULES.get(found.rule) for found in self.errors]
        return all(rule is not None and rule.effect == "aborts" for rule in rules)

    def judged(self, judge: Judge) -> Verdict | None:
        """What ms-swift says; None if what it would say proves nothing about vlft."""
        if not self.aborts:
            return None
        self._file.write_text(json.dumps(self.data))
        asked = request(prepare(self._file, environ=ENVIRON, judge=False), self._folder)
        return None if asked is None else judge.ask(asked)


def smallest(data: dict[str, Any], folder: Path, judge: Judge, error: str) -> dict[str, Any]:
    """The config less every key that ms-swift's words do not depend on."""
    for path in [(name,) for name in data] + [
        (name, key)
        for name, section in data.items()
        if isinstance(section, dict)
        for key in section
    ]:
        less = json.loads(json.dumps(data))
        section = less if len(path) == 1 else less.get(path[0], {})
        if section.pop(path[-1], None) is None:
            continue
        case = Case(less, folder)
        verdict = case.judged(judge)
        if not case.errors and verdict is not None and verdict.error == error:
            data = less
    return data


def alone(task: Subcommand) -> Iterator[tuple[str, Any]]:
    """Every argument that no section owns, with values at the edges of its type."""
    for name, argument in sorted(SWIFT.arguments[task].items()):
        if name in ARGUMENTS or name in RESERVED or name in OF_A_HUB or not argument.settable:
            continue
        for value in _edges(argument):
            yield name, [value] if argument.many else value


def _edges(argument: Argument) -> list[Any]:
    if argument.choices is not None:
        return [*argument.choices, "nonsense", 0]
    return EDGES[argument.type]


def with_arguments(arguments: dict[str, Any], task: Subcommand) -> dict[str, Any]:
    """A config that is right but for what the arguments add."""
    return {**BASE, "task": task, "swift": arguments}


@st.composite
def edge_configs(draw: st.DrawFn) -> dict[str, Any]:
    """Configs over the schema; half of them have arguments of ms-swift at their edges as well."""
    config = draw(configs())
    legal = free_arguments(config["task"])
    names = draw(maybe(st.lists(st.sampled_from(sorted(legal)), max_size=3, unique=True))) or []
    values = {
        name: draw(st.sampled_from([v for v in _edges(legal[name]) if v != "nonsense"]))
        for name in names
    }
    values = {name: [v] if legal[name].many else v for name, v in values.items()}
    return {**config, "swift": {**config.get("swift", {}), **values}} if values else config


def generated(
    count: int,
    number: int,
    strategy: st.SearchStrategy[dict[str, Any]] | None = None,
) -> list[dict[str, Any]]:
    """The same configs each time, of `edge_configs` unless another strategy is given.

    Hypothesis draws numbers that it finds in the modules that happen to be imported, even if
    it is derandomized: the tests that ran before would decide what is tested.
    """
    made: list[dict[str, Any]] = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        phases=[Phase.generate],
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(edge_configs() if strategy is None else strategy)
    def collect(data: dict[str, Any]) -> None:
        made.append(data)

    with pytest.MonkeyPatch.context() as patch:
        none = providers.Constants()
        patch.setattr(providers, "_get_local_constants", lambda: none)
        collect()
    return made


def first_line(text: str) -> str:
    """Enough of an error to tell it from others; without the folder of the test."""
    return re.sub(r"/\S*/", "…/", text).partition("\n")[0][:300]
