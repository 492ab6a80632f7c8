"""docs/judge.md lists every rule of today; needs no ms-swift, so that it fails early."""

from __future__ import annotations

from examples import EXAMPLES
from support.ms_swift.judge_page import PAGE, page
from support.ms_swift.rule_effects import (
    EFFECTS,
    FETCHED,
    INSTEAD,
    NEEDS_GPU,
    NOT_JUDGED,
    REFUSED_ANYWAY,
)

from vlft.rules import all_rules

RULES = all_rules()
ABORTS = {name for name, rule in RULES.items() if rule.effect == "aborts"}


def test_the_tables_are_about_rules() -> None:
    assert set(NOT_JUDGED) | set(INSTEAD) <= ABORTS
    assert set(EFFECTS) | set(REFUSED_ANYWAY) <= set(RULES) & set(EXAMPLES) - ABORTS
    assert set(NEEDS_GPU) | set(FETCHED) <= set(RULES)


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == page(), "PYTHONPATH=tests python -m support.ms_swift.judge_page"
