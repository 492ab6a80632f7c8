"""`vlft explain`, and the page of all rules."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vlft.rule_catalog import catalogue
from vlft.rules import all_rules

RULES = all_rules()

ROOT = Path(__file__).parents[2]


def test_every_id_in_the_code_can_be_explained() -> None:
    known = catalogue()
    assert set(RULES) < set(known)
    found = set()
    for file in (ROOT / "vlft").rglob("*.py"):
        found |= set(re.findall(r'"(config\.[a-z][a-z-]+)"', file.read_text()))
    found -= {"config.json", "config.yaml"}  # names of files
    assert found == {name for name in known if name.startswith("config.")}


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_an_entry_is_whole(name: str) -> None:
    entry = catalogue()[name]
    assert entry.sentence.endswith(".")
    assert entry.effect
    assert entry.source


def test_a_rule_is_explained(vlft: Any) -> None:
    done = vlft("explain", "swift.unknown-argument")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "swift.unknown-argument: error",
        f"    {catalogue()['swift.unknown-argument'].sentence}",
        "without it: ms-swift refuses the arguments, seconds after it was started",
        "ms-swift says: remaining_argv",
        "source: swift/pipelines/base.py: remaining_argv",
        "to ignore it: `# vlft: ignore[swift.unknown-argument]` at the end of its line",
    ]
    assert "to ignore it" not in vlft("explain", "config.syntax").out
    as_json = json.loads(vlft("explain", "swift.unknown-argument", "--format", "json").out)
    assert (as_json["severity"], as_json["says"]) == ("error", "remaining_argv")


def test_all_rules_are_listed(vlft: Any) -> None:
    lines = vlft("explain", "--list").out.splitlines()
    assert [line.split()[0] for line in lines] == sorted(catalogue())
    listed = json.loads(vlft("explain", "--list", "--format", "json").out)
    assert [entry["id"] for entry in listed] == sorted(catalogue())


def test_an_unknown_rule_is_wrong_usage(vlft: Any) -> None:
    done = vlft("explain", "swift.unknown-argumnt")
    assert (done.code, "did you mean `swift.unknown-argument`?" in done.err) == (2, True)
    assert vlft("explain").code == 2
    assert vlft("explain", "swift.value", "--list").code == 2


def test_the_page_of_rules_is_current() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "rules_page.py"))["page"]
    assert (ROOT / "docs" / "rules.md").read_text() == page(), "run scripts/docs"
    done = subprocess.run([sys.executable, ROOT / "docs" / "rules_page.py", "--check"], check=False)
    assert done.returncode == 0
