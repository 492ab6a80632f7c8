"""Commands that answer the same question about a config give the same answer.

Each draw writes a config, a model folder with a tokenizer, images and rows, and asks validate,
plan, data check, data stats, tokens and train --dry-run about it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.folders import make_model_folder
from support.small_tokenizer import tokenizer

from vlft.cli import main
from vlft.models import limits_from

pytest.importorskip("tokenizers")
Image = pytest.importorskip("PIL.Image")

TRUTHS = [True, "true", "True", "yes", "y", 1, "1"]
LIES = [False, "false", "no", "n", 0, "0"]
EXAMPLES = int(os.environ.get("VLFT_AGREE", "60"))
SIZES = [(28, 28), (640, 480), (2000, 1500), (90, 1800)]


def call(*words: str | Path) -> tuple[int, Any]:
    """Exit code and JSON of a command."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["vlft", *map(str, words)])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
    assert "Traceback" not in err.getvalue()
    try:
        return code, json.loads(out.getvalue())
    except ValueError:
        return code, None


def spelled(value: bool) -> st.SearchStrategy[Any]:
    return st.sampled_from(TRUTHS if value else LIES)


@st.composite
def swift_sections(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments that decide tokens, fates and the command, in every spelling."""
    section: dict[str, Any] = {}
    for name in ("strict", "lazy_tokenize", "streaming", "push_to_hub", "packing"):
        if draw(st.booleans()):
            section[name] = draw(spelled(draw(st.booleans())))
    tokens = draw(st.sampled_from([None, 16, 64, 1024]))
    if tokens is not None:
        name = draw(st.sampled_from(["IMAGE_MAX_TOKEN_NUM", "image_max_token_num"]))
        kwargs = {name: tokens}
        section["model_kwargs"] = draw(st.sampled_from([kwargs, json.dumps(kwargs)]))
    rescale = draw(st.sampled_from([None, 200704, "200704"]))
    if rescale is not None:
        section["max_pixels"] = rescale
    if draw(st.booleans()):
        section["truncation_strategy"] = draw(st.sampled_from(["delete", "left", "right"]))
    if draw(st.booleans()):
        section["fsdp"] = ""
    return section


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    sections: dict[str, Any] = {"model": {"path": "Qwen2-VL-2B-Instruct"}}
    entry = draw(st.sampled_from(["", "#2", "# 1", ":sub", ":sub#3", "#9"]))
    sections["data"] = {"train": [f"train.jsonl{entry}"]}
    length = draw(st.sampled_from([None, 96, 1024, 16384]))
    if length is not None:
        sections["data"]["max_length"] = length
    pixels: dict[str, Any] = {}
    least = draw(st.sampled_from([None, 16 * 28 * 28, "64*28*28"]))
    if least is not None:
        pixels["min"] = least
    top = draw(st.sampled_from([None, 256 * 28 * 28, "64*28*28"]))
    if top is not None:
        pixels["max"] = top
    if pixels:
        sections["pixels"] = pixels
    sections["train"] = draw(
        st.sampled_from(
            [
                {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 3},
                {"global_batch_size": 8},
                {"global_batch_size": 12, "per_device_train_batch_size": 3},
                {"gradient_accumulation_steps": 2},
                {},
            ]
        )
    )
    count = draw(st.sampled_from([1, 2, 4]))
    sections["launch"] = {"gpus": list(range(count)), "nproc_per_node": count}
    sections["swift"] = draw(swift_sections())
    return sections


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("agree")
    model = make_model_folder(folder / "Qwen2-VL-2B-Instruct")
    (model / "tokenizer.json").write_text(json.dumps(tokenizer()))
    (model / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|im_end|>"}))
    rows = []
    for index, size in enumerate(SIZES):
        Image.new("RGB", size, (index, 90, 40)).save(folder / f"{index}.png")
        question = {"role": "user", "content": f"<image>the user {index}"}
        answer = {"role": "assistant", "content": "as the"}
        rows.append({"messages": [question, answer], "images": [f"{index}.png"]})
    rows.append({"messages": [{"role": "user", "content": "no answer"}]})
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


MORE = re.compile(r"(?P<text>.*?)(?: \((?P<more>\d+) more rows? like this: vlft data check\))?")
Rows = dict[str, tuple[str, int]]
"""Rule → what is written of the first row that it is about, and the number of further ones."""


def rows_of_validate(findings: list[dict[str, Any]]) -> Rows:
    found = {}
    for one in findings:
        if one["rule"].startswith(("row.", "file.")):
            match = MORE.fullmatch(one["message"])
            assert match is not None
            found[one["rule"]] = (match["text"], int(match["more"] or 0))
    return found


def rows_of_check(findings: list[dict[str, Any]]) -> Rows:
    found: Rows = {}
    for one in findings:
        first, more = found.get(one["rule"], (None, -1))
        place = "" if one["row"] is None else f" line {one['row']}"
        text = f"{Path(one['file']).name}{place}: {one['message']}"
        found[one["rule"]] = (first or text, more + 1)
    return found


def flag(argv: list[str], name: str) -> str | None:
    return argv[argv.index(f"--{name}") + 1] if f"--{name}" in argv else None


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(sections=configs(), caller=st.sampled_from([None, "40000", "802816"]))
def test_commands_agree_about_a_run(
    sections: dict[str, Any], caller: str | None, workplace: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workplace)
        patch.setenv("XDG_CACHE_HOME", str(workplace / "cache"))
        shutil.rmtree(workplace / "cache", ignore_errors=True)  # each draw is checked anew
        if caller is not None:
            patch.setenv("MAX_PIXELS", caller)
        config = workplace / "c.yaml"
        config.write_text(json.dumps(sections))
        hardware = ("--hardware", "4xA100-80G")
        _, validated = call("validate", config, "--data", "full", "--format", "json", *hardware)
        findings = validated["files"][0]["findings"]
        _, checked = call("data", "check", "--config", config, "--format", "json")
        _, stats = call("data", "stats", "--config", config, "--format", "json")
        _, planned = call("plan", config, "--data", "full", "--format", "json", *hardware)
        dry = ("train", config, "--dry-run", "--no-validate", "--format", "json", *hardware)
        _, started = call(*dry)
        images = [f"{width}x{height}" for width, height in SIZES]
        _, counted = call("tokens", *images, "--config", config, "--format", "json")

        # Fates: the same rules about the same rows, in the same words.
        assert rows_of_validate(findings) == rows_of_check(checked["findings"]), sections
        # Tokens of a row, and the rows that are longer than max_length.
        total, exact = stats["tokens"]["total"], stats["tokens"]["exact"]
        tokens = planned["tokens"]
        assert (tokens["max"], tokens["p50"], tokens["exact"]) == (
            total["max"],
            total["p50"],
            exact,
        )
        assert tokens["over_max_length"] == stats["tokens"]["over_max_length"]
        if checked["tokens"]["exact"]:
            assert checked["tokens"]["max"] == total["max"], sections
        # Limits: an image alone, in a row, and by the environment that the trainer gets.
        alone = [one["tokens"] for one in counted if one["error"] is None]
        vision = stats["tokens"]["vision"]
        assert max(alone, default=0) == (vision["max"] if vision else 0), sections
        kwargs = sections["swift"].get("model_kwargs", {})
        kwargs = json.loads(kwargs) if isinstance(kwargs, str) else kwargs
        variables = {name.upper(): str(value) for name, value in kwargs.items()}
        limits = limits_from(
            {**({"MAX_PIXELS": caller} if caller else {}), **started["env"], **variables}
        )
        wanted = limits.max_tokens or (limits.max_pixels or 16384 * 28 * 28) // 28**2
        assert all(count <= wanted + 2 for count in alone), sections
        # Batch and world, as figures and as words of the command.
        batch, argv = planned["batch"], started["argv"]
        assert flag(argv, "per_device_train_batch_size") == str(batch["per_device"])
        assert flag(argv, "gradient_accumulation_steps") == str(
            batch["gradient_accumulation_steps"]
        )
        assert started["world_size"] == batch["world_size"]
        world = batch["world_size"] * batch["per_device"] * batch["gradient_accumulation_steps"]
        assert batch["global"] == world
        # Every argument that the user gave is on the command line, in its own words.
        for name, value in sections["swift"].items():
            written = str(value).lower() if isinstance(value, bool) else str(value)
            given = json.dumps(value) if isinstance(value, dict) else written
            assert flag(argv, name) == given, (name, argv)
