"""`vlft validate`: what it takes, and how it says what it found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlft.cli.validate import find_configs
from vlft.errors import UsageError

WRONG = "launch: {gpu: none}\n"


def test_folders_and_quoted_globs_are_all_their_configs(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    for name in ("some/b.yaml", "some/deep/a.yml", "some/.hidden/c.yaml", "other/d.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "some" / "notes.txt").touch()
    done = vlft("validate", "some", "o*/*.yaml", "some/b.yaml", "--format", "json")
    files = [file["file"] for file in json.loads(done.out)["files"]]
    assert files == ["some/b.yaml", "some/deep/a.yml", "other/d.yaml"]
    assert done.code == 1


def test_a_folder_or_glob_without_configs_is_wrong_usage(
    vlft: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    assert vlft("validate", "empty").code == 2
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no file matches"):
        find_configs(["*.yaml"])
    (tmp_path / "a[1].yaml").touch()
    assert find_configs(["a[1].yaml", "missing.yaml"]) == ["a[1].yaml", "missing.yaml"]


def test_the_last_line_counts(vlft: Any, write_config: Any) -> None:
    write_config(WRONG, "b.yaml")
    write_config("launch: {gpus: none, nod: 1}\nlora: {rank: 0}\n", "a.yaml")
    write_config(name="c.yaml")
    done = vlft("validate", "b.yaml", "a.yaml", "c.yaml")
    assert done.out.splitlines()[-1] == "3 errors in 2 files of 3"
    heads = [line.split(":")[0] for line in done.out.splitlines() if "error: " in line]
    assert heads == ["a.yaml", "a.yaml", "b.yaml"], "sorted by place"
    assert vlft("validate", "b.yaml").out.splitlines()[-1] == "1 error in 1 file"
    assert vlft("validate", "c.yaml").out == "c.yaml: ok\n"
    (c := write_config(name="d.yaml")).touch()
    assert vlft("validate", "c.yaml", c.name).out == "2 files: ok\n"


def test_a_mistake_in_a_shared_base_is_said_once(
    vlft: Any, write_config: Any, tmp_path: Path
) -> None:
    write_config(WRONG, "base.yaml")
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("extends: base.yaml\n")
    done = vlft("validate", "a.yaml", "b.yaml")
    assert done.out.count("config.unknown-key") == 1
    assert done.out.endswith("1 error in 2 files of 2\n")


def test_strict_fails_for_a_warning(vlft: Any, write_config: Any) -> None:
    config = str(write_config("launch: {gpus: none}  # vlft: ignore[data.not-found]\n"))
    assert vlft("validate", config).code == 0
    assert vlft("validate", config, "--strict").code == 1


def test_github_shows_a_finding_beside_its_line(vlft: Any, write_config: Any) -> None:
    write_config(WRONG, "50%,a:b.yaml")
    done = vlft("validate", "50%,a:b.yaml", "--format", "github")
    assert done.code == 1
    assert done.out == (
        "::error file=50%25%2Ca%3Ab.yaml,line=5,col=10,title=config.unknown-key"
        "::there is no key `gpu` in `launch`%0A→ did you mean `gpus`?\n"
    )
    write_config(name="right.yaml")
    assert vlft("validate", "right.yaml", "--format", "github").out == ""


def test_github_escapes_what_ends_a_command() -> None:
    from vlft.findings import Finding
    from vlft.output.findings import to_github

    finding = Finding("a.b", "info", "x: 100%\r\ny, z", "--set c", hint=None)
    assert to_github([finding]) == "::notice title=a.b::--set c: x: 100%25%0D%0Ay, z"


def test_sarif_is_sarif(vlft: Any, write_config: Any, tmp_path: Path) -> None:
    write_config(f"{WRONG}pixels: {{min: 9, max: 8}}\n", "a b.yaml")
    unused = "env: {}  # vlft: ignore[data.not-found]\nlaunch: {gpus: none}\n"
    absolute = write_config(unused, "c.yaml")
    words = ["a b.yaml", str(absolute), "no.yaml", "--format", "sarif"]
    done = vlft("validate", *words, "--set", "train.seed=x")
    log = json.loads(done.out)
    assert set(log) == {"$schema", "version", "runs"}
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "vlft"
    rules = [rule["id"] for rule in driver["rules"]]
    assert len(rules) == len(set(rules))
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    assert run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}
    seen = {}
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"none", "note", "warning", "error"}
        assert isinstance(result["message"]["text"], str)
        for location in result["locations"]:
            physical = location["physicalLocation"]
            assert set(physical) <= {"artifactLocation", "region"}
            region = physical.get("region", {"startLine": 1, "startColumn": 1})
            assert min(region["startLine"], region["startColumn"]) >= 1
            uri = physical["artifactLocation"]["uri"]
            seen[result["ruleId"], uri] = (result["level"], physical.get("region"))
    here = tmp_path.as_uri()
    assert seen["config.unknown-key", "a%20b.yaml"] == (
        "error",
        {"startLine": 5, "startColumn": 10},
    )
    assert seen["config.missing", "no.yaml"] == ("error", None)
    assert any(not result["locations"] for result in run["results"]), "an override has no place"
    assert all(uri.startswith(here) or "/" not in uri for _, uri in seen)


def test_a_thousand_configs_read_the_model_once(
    write_config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vlft.pipeline import Ready, prepare
    from vlft.probe import collect as gather
    from vlft.probe.collect import FactCache

    read: list[str] = []
    real = {name: getattr(gather, name) for name in ("read_checkpoint", "read_swift")}
    for name, function in real.items():
        monkeypatch.setattr(gather, name, lambda *a, n=name, f=function: (read.append(n), f(*a))[1])
    cache = FactCache()
    for number in range(5):
        config = write_config(f"launch: {{gpus: none}}\ntrain: {{seed: {number}}}\n")
        assert prepare(config, cache=cache).findings == ()
    assert sorted(read) == ["read_checkpoint", "read_swift"]
    assert isinstance(prepare(config), Ready)


def test_a_cache_keeps_the_mistake_too() -> None:
    from vlft.errors import VlftError
    from vlft.probe.collect import FactCache

    calls = []

    def fails(path: str) -> None:
        calls.append(path)
        raise VlftError("no")

    cache = FactCache()
    for path in ("a", "a", "b"):
        with pytest.raises(VlftError, match="no"):
            cache.once(fails, path)
    assert calls == ["a", "b"]
