"""`# vlft: ignore[rule]` and `--ignore RULE`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlft.config.ignores import UNUSED, find_ignores
from vlft.pipeline import prepare

CPU = "launch: {gpus: none}\n"
OWNED = "swift.owned"


def rules(config: Path, **options: Any) -> list[tuple[int | None, str]]:
    return [(f.line, f.rule) for f in prepare(config, **options).findings]


@pytest.mark.parametrize(
    "comment",
    [
        "# vlft: ignore[swift.owned]",
        "#vlft:ignore[ swift.owned ]",
        "# vlft: ignore[swift.owned] the sweep sets it",
        "# as told  # vlft: ignore[swift.owned]",
    ],
)
def test_a_comment_ignores_an_error_on_its_own_line_only(comment: str, write_config: Any) -> None:
    line = "swift: {learning_rate: 1}"
    assert rules(write_config(f"{CPU}{line}\n")) == [(6, OWNED)]
    assert rules(write_config(f"{CPU}{line}  {comment}\n")) == []
    assert rules(write_config(f"{CPU}{comment}\n{line}\n")) == [(6, UNUSED), (7, OWNED)]


def test_several_rules_of_a_line(write_config: Any) -> None:
    text = f"{CPU}swift: {{learning_rate: 1, logging_steps: x}}"
    assert rules(write_config(f"{text}\n")) == [(6, OWNED), (6, "swift.value")]
    assert rules(write_config(f"{text} # vlft: ignore[swift.owned,  swift.value]\n")) == []


@pytest.mark.parametrize(
    "text",
    [
        'env: {A: "# vlft: ignore[swift.owned]"}\n',
        "env: {A: ' # vlft: ignore[swift.owned]'}\n",
        "env:\n  A: x#vlft:ignore[swift.owned]\n",
        "env:\n  A: |\n    x # vlft: ignore[swift.owned]\n    # vlft: ignore[swift.owned]\n",
        'env:\n  A: "x\n    # vlft: ignore[swift.owned]"\n',
    ],
)
def test_a_comment_in_a_text_is_none(text: str, write_config: Any) -> None:
    assert rules(write_config(CPU + text)) == []
    assert find_ignores({"x": text}) == ()


def test_a_comment_after_a_text_is_one() -> None:
    text = "a: |\n  x\n# vlft: ignore[a.b]\nb: 'it''s # no'  # vlft: ignore[c.d]\n"
    text += "é: ü # vlft: ignore[e.f]"
    found = [(at.line, at.column, at.rules) for at in find_ignores({"x": text})]
    assert found == [(3, 1, ("a.b",)), (4, 18, ("c.d",)), (5, 6, ("e.f",))]


@pytest.mark.parametrize(
    ("comment", "message", "hint"),
    [
        ("ignore[swift.owned]", "`swift.owned` says nothing about this line", "remove it"),
        ("ignore[swift.ownd]", "there is no rule `swift.ownd`", "did you mean `swift.owned`?"),
        ("ignore", "this ignore names no rule", "write `# vlft: ignore[rule]`"),
        ("ignore[]", "this ignore names no rule", "write `# vlft: ignore[rule]`"),
    ],
)
def test_an_ignore_that_ignores_nothing_is_a_warning(
    comment: str, message: str, hint: str, write_config: Any
) -> None:
    (finding,) = prepare(write_config(f"launch: {{gpus: none}} # vlft: {comment}\n")).findings
    assert (finding.rule, finding.severity, finding.line) == (UNUSED, "warning", 5)
    assert (finding.message, finding.hint, finding.column) == (message, hint, 22)


def test_the_line_is_named_where_the_ignore_would_be_of_use(write_config: Any) -> None:
    text = f"{CPU}# vlft: ignore[swift.owned]\nswift:\n  learning_rate: 1\n"
    unused, _ = prepare(write_config(text)).findings
    assert unused.hint == "write it at the end of line 8"


def test_what_leaves_nothing_to_run_is_not_ignored(write_config: Any) -> None:
    text = f"{CPU}lora: {{rank: 0}}  # vlft: ignore[config.type]\n"
    assert (6, "config.type") in rules(write_config(text))
    text = (
        f"{CPU}train:\n  per_device_train_batch_size: 2\n"
        "  global_batch_size: 3 # vlft: ignore[batch.global-mismatch]\n"
    )
    found = prepare(write_config(text)).findings
    assert [(f.line, f.rule) for f in found] == [(8, "batch.global-mismatch"), (8, UNUSED)]
    assert "can't be ignored" in found[1].message
    broken = "a: [ # vlft: ignore[config.syntax]\n"
    assert [rule for _, rule in rules(write_config(broken))] == ["config.syntax"]


def test_an_ignore_whose_rule_was_not_asked_stays_silent(write_config: Any, tmp_path: Path) -> None:
    config = write_config("launch: {gpus: 2}  # vlft: ignore[launch.no-gpu]\n")
    assert UNUSED not in [rule for _, rule in rules(config)], "no machine was looked at"
    used = "launch: {gpus: none}  # vlft: ignore[swift.owned]\n"
    assert rules(write_config(used), judge=False) == []
    write_config(used, "base.yaml")
    (tmp_path / "top.yaml").write_text("extends: base.yaml\n")
    assert rules(tmp_path / "top.yaml") == [], "another config may need it"


def test_an_ignored_finding_of_a_base(write_config: Any, tmp_path: Path) -> None:
    write_config(f"{CPU}swift: {{learning_rate: 1}} # vlft: ignore[swift.owned]\n", "base.yaml")
    (tmp_path / "top.yaml").write_text(f"extends: {tmp_path / 'base.yaml'}\n")
    assert rules(tmp_path / "top.yaml") == []


def test_the_option_serves_warnings_and_infos(vlft: Any, write_config: Any) -> None:
    config = str(write_config("launch: {gpus: none}  # vlft: ignore[data.not-found]\n"))
    assert f"[{UNUSED}]" in vlft("validate", config).out
    done = vlft("validate", config, "--ignore", UNUSED, "--strict")
    assert (done.code, done.out) == (0, f"{config}: ok\n")
    done = vlft("validate", config, "--ignore", "config.unused-ignor")
    assert (done.code, "did you mean `config.unused-ignore`?" in done.err) == (2, True)
    done = vlft("validate", config, "--ignore", "data.not-found")
    assert (done.code, "# vlft: ignore[data.not-found]" in done.err) == (2, True)


def test_training_honours_comments(vlft: Any, write_config: Any) -> None:
    line = "swift: {hub_token: x, logging_steps: 1.5}"
    config = str(write_config(f"{CPU}{line}\n"))
    assert vlft("train", config, "--dry-run").code == 1
    ignored = "# vlft: ignore[swift.value, swift.secret-visible]"
    write_config(f"{CPU}{line} {ignored}\n")
    done = vlft("train", config, "--dry-run", "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert "1.5" in json.loads(done.out)["argv"]
