"""What the rules say of ms-swift is what ms-swift does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from examples import EXAMPLES, Example
from examples.folder import lay_out
from support.ms_swift.judging import Judge, Verdict, request
from support.ms_swift.rule_effects import (
    EFFECTS,
    FETCHED,
    INSTEAD,
    NOT_JUDGED,
    REFUSED_ANYWAY,
    WORDS,
)

from vlft.findings import has_errors
from vlft.pipeline import Ready, Rejected, look_at_hardware, prepare
from vlft.rules import all_rules

RULES = all_rules()

RECIPES = sorted(Path(__file__).parents[2].glob("configs/**/*.yaml"))
ABORTS = {name for name, rule in RULES.items() if rule.effect == "aborts"}
REFUSED = sorted(ABORTS - set(NOT_JUDGED))
OTHERS = sorted((set(RULES) & set(EXAMPLES)) - ABORTS)
PASSING = sorted((set(RULES) & set(EXAMPLES)) - set(FETCHED))


@pytest.fixture
def config(tmp_path: Path, monkeypatch: Any, make_model: Any, write_config: Any) -> Path:
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path, make_model)
    file: Path = write_config()
    return file


def prepared(config: Path, example: Example, overrides: list[str], **how: bool) -> Ready | Rejected:
    environ = {"PATH": "/usr/bin:/bin", **example.environ}
    return prepare(config, overrides, look_at_hardware(example.hardware), environ, **how)


def ask(
    judge: Judge, made: Ready | Rejected, example: Example, folder: Path, *want: str
) -> Verdict:
    asked = request(made, folder, example.environ, want)
    assert asked is not None, made.findings
    return judge.ask(asked)


@pytest.mark.parametrize("rule", REFUSED)
def test_swift_refuses_what_the_rule_says_it_refuses(rule: str, config: Path, judge: Judge) -> None:
    example = EXAMPLES[rule]
    made = prepared(config, example, INSTEAD.get(rule, example.fails), judge=False)
    verdict = ask(judge, made, example, config.parent)
    assert not verdict.ok
    says = RULES[rule].says or WORDS.get(rule)
    assert says, "a rule that says that ms-swift refuses this says with which words"
    assert says in (verdict.error or "")


@pytest.mark.parametrize("rule", OTHERS)
def test_swift_takes_what_no_rule_says_it_refuses(rule: str, config: Path, judge: Judge) -> None:
    """Else the rule's effect is `aborts`."""
    example = EXAMPLES[rule]
    made = prepared(config, example, example.fails, judge=False)
    asked = request(made, config.parent, example.environ)
    error = judge.ask(asked).error if asked else None
    if rule in REFUSED_ANYWAY:
        assert error is not None
    else:
        assert error is None or error.startswith("NoNetworkError")


@pytest.mark.parametrize("rule", PASSING)
def test_swift_takes_what_the_rules_let_through(rule: str, config: Path, judge: Judge) -> None:
    example = EXAMPLES[rule]
    verdict = ask(judge, prepared(config, example, example.passes), example, config.parent)
    assert verdict.error is None


@pytest.mark.parametrize("rule", sorted(EFFECTS))
def test_what_is_silently_wrong_is_seen_in_the_arguments(
    rule: str, config: Path, judge: Judge
) -> None:
    example, effect = EXAMPLES[rule], EFFECTS[rule]
    broken = prepared(config, example, example.fails, judge=False)
    kept = prepared(config, example, example.passes)
    wrong = ask(judge, broken, example, config.parent, *effect)
    right = ask(judge, kept, example, config.parent, *effect)
    assert wrong.error is None, "it is silent"
    assert wrong.values == effect != right.values


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_swift_takes_every_recipe(
    recipe: Path, config: Path, judge: Judge, monkeypatch: Any
) -> None:
    """On a model and data that are there; the recipes' own are the user's."""
    example = Example([], [])
    overrides = [f"model.path={config.parent}/Qwen2-VL-2B-Instruct", "data.train=[train.jsonl]"]
    if "target_modules: [" in recipe.read_text():  # this model has no such modules
        overrides.append("lora.target_modules=all-linear")
    made = prepared(recipe, example, overrides)
    assert not has_errors(list(made.findings)), made.findings
    assert ask(judge, made, example, config.parent).error is None
