"""What other repositories use of this one: the GitHub action and the pre-commit hook."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_the_hook_runs_validate_on_yaml_files() -> None:
    (hook,) = read(".pre-commit-hooks.yaml")
    assert (hook["id"], hook["language"], hook["entry"]) == (
        "vlft-validate",
        "python",
        "vlft validate",
    )
    assert [bool(re.search(hook["files"], name)) for name in ("a.yaml", "b/c.yml", "d.yamlx")] == [
        True,
        True,
        False,
    ]


def test_the_action_runs_what_exists(vlft: Any, write_config: Any) -> None:
    action = read("action.yml")
    assert action["runs"]["using"] == "composite"
    script = action["runs"]["steps"][-1]["run"]
    (line,) = [line for line in script.splitlines() if line.startswith("vlft ")]
    words = line.replace("$ARGUMENTS", "--strict").replace("$CONFIGS", "config.yaml").split()
    write_config()
    assert vlft(*words[1:]).code == 0


def test_the_documented_workflow_has_five_lines() -> None:
    text = (ROOT / "docs" / "ci.md").read_text()
    workflow = text.partition("## GitHub\n```yaml\n")[2].partition("```")[0]
    assert len(workflow.splitlines()) == 5
    (job,) = yaml.safe_load(workflow)["jobs"].values()
    inputs = job["steps"][1]["with"]
    assert set(inputs) <= set(read("action.yml")["inputs"])


def judged_by(*command: str | Path) -> str:
    """What a checker of GitHub's or pre-commit's own forms says; empty if it is content."""
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_github_takes_the_action() -> None:
    schema = ("check_jsonschema", "--builtin-schema", "vendor.github-actions")
    assert judged_by(*schema, ROOT / "action.yml") == ""


def test_github_takes_the_documented_workflow(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "ci.md").read_text()
    workflow = tmp_path / "workflow.yml"
    workflow.write_text(text.partition("## GitHub\n```yaml\n")[2].partition("```")[0])
    schema = ("check_jsonschema", "--builtin-schema", "vendor.github-workflows")
    assert judged_by(*schema, workflow) == ""


def test_pre_commit_takes_the_hook() -> None:
    assert judged_by("pre_commit", "validate-manifest", ROOT / ".pre-commit-hooks.yaml") == ""
