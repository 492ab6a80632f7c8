"""Which model_type and template ms-swift takes for a folder, held against ms-swift itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support.waiting import HANG_S

from vlft.swift.probe import read_swift
from vlft.swift.release import model_name

if TYPE_CHECKING:
    from pathlib import Path

QWEN2 = ["Qwen2VLForConditionalGeneration"]
QWEN2_5 = ["Qwen2_5_VLForConditionalGeneration"]
NEW_ARGS = {"swift_version": "4.6.0", "model_type": "qwen2_vl", "template": "qvq"}
OLD_ARGS = {"swift_version": "3.9.1", "model_type": "qwen2_vl", "template": "qwen2_vl"}

# Folder, config.json, args.json
CASES: list[tuple[str, dict[str, Any], dict[str, Any] | None]] = [
    ("tiny-qwen2_vl", {"model_type": "qwen2_vl", "architectures": QWEN2}, None),
    ("Qwen2-VL-2B-Instruct", {"model_type": "qwen2_vl", "architectures": QWEN2}, None),
    ("qwen2-vl-2b-instruct", {"model_type": "qwen2_vl", "architectures": QWEN2}, None),
    ("QVQ-72B-Preview", {"model_type": "qwen2_vl", "architectures": QWEN2}, None),
    ("Qwen2___5-VL-3B-Instruct", {"model_type": "qwen2_5_vl", "architectures": QWEN2_5}, None),
    ("Qwen2.5-VL-3B-Instruct", {"model_type": "qwen2_5_vl", "architectures": QWEN2_5}, None),
    ("Qwen2.5-VL-3B-Instruct-tuned", {"model_type": "qwen2_5_vl", "architectures": QWEN2_5}, None),
    ("Qwen3-VL-2B-Instruct", {"model_type": "qwen3_vl"}, None),
    (
        "InternVL3-1B-hf",
        {"model_type": "internvl", "architectures": ["InternVLForConditionalGeneration"]},
        None,
    ),
    ("InternVL2-1B", {"model_type": "x", "architectures": ["InternVLChatModel"]}, None),
    ("InternVL3-1B", {"model_type": "x", "architectures": ["InternVLChatModel"]}, None),
    ("my-internvl", {"model_type": "x", "architectures": ["InternVLChatModel"]}, None),
    ("my-model", {"model_type": "qwen2_vl", "architectures": QWEN2}, None),
    ("my-model-without", {"model_type": "qwen2_vl"}, None),
    ("my-unknown", {"model_type": "x", "architectures": ["NoSuchModel"]}, None),
    ("glm-edge-4b-chat", {"model_type": "glm", "architectures": ["GlmForCausalLM"]}, None),
    ("a/models--Qwen--Qwen2-VL-2B/snapshots/0abc", {"model_type": "qwen2_vl"}, None),
    ("b/models/Qwen--Qwen2-VL-2B/snapshots/master", {"model_type": "qwen2_vl"}, None),
    ("checkpoint-100", {"model_type": "qwen2_vl", "architectures": QWEN2}, NEW_ARGS),
    ("checkpoint-200", {"model_type": "qwen2_vl", "architectures": QWEN2}, OLD_ARGS),
    ("c/Qwen2-VL-2B", {"model_type": "qwen2_vl", "architectures": QWEN2}, NEW_ARGS),
    ("checkpoint-300", {"model_type": "qwen2_vl", "architectures": QWEN2}, {"template": "chatml"}),
]

ASK = """
import json, sys
from swift.model import MODEL_MAPPING, model_meta
from swift.template.register import get_template_meta
folders, result = json.load(open(sys.argv[1])), {"folders": [], "names": {}}
for meta in list(MODEL_MAPPING.values()):
    for group in meta.model_groups:
        for model in group.models:
            for name in (model.ms_model_id, model.hf_model_id, model.model_path):
                if name:
                    found = model_meta.get_matched_model_meta(name)
                    try:
                        template = get_template_meta(None, found)
                        template = template.template_type
                    except (ValueError, AttributeError):
                        template = None
                    result["names"][name] = [found.model_type, template]
for folder in folders:
    types = template = None
    try:
        info, meta = model_meta.get_model_info_meta(folder)
        types = [info.model_type] if info.model_type else []
        template = get_template_meta(info, meta).template_type
    except ValueError as error:
        text = str(error)
        if types is None and "Multiple possible types" in text:
            import ast, re
            types = ast.literal_eval(re.search(r"found: (\\[.*?\\])", text)[1])
        elif types is None:
            types = []
        elif "Multiple possible types" in text:
            template = "ambiguous"
    result["folders"].append([types, template])
json.dump(result, open(sys.argv[2], "w"))
"""


@pytest.mark.swift
def test_ms_swift_decides_the_same(tmp_path: Path) -> None:
    swift = read_swift(None)
    folders = [str(tmp_path / name) for name, _, _ in CASES]
    for folder, (_, config, args) in zip(folders, CASES, strict=True):
        _write(folder, config, args)
    asked, told = tmp_path / "asked.json", tmp_path / "told.json"
    asked.write_text(json.dumps(folders))
    subprocess.run(
        [sys.executable, "-c", ASK, str(asked), str(told)],
        check=True,
        capture_output=True,
        timeout=HANG_S,
    )
    answers = json.loads(told.read_text())
    for folder, (name, config, args), (types, template) in zip(
        folders, CASES, answers["folders"], strict=True
    ):
        guessed = swift.guess_model_types(folder, config.get("architectures", []), args)
        assert list(guessed) == types, name
        if len(guessed) == 1:
            assert swift.default_template(guessed[0], folder, args) == template, name
    assert len(answers["names"]) > 1000
    for name, (model_type, template) in answers["names"].items():
        assert swift.guess_model_types(name, ()) == (model_type,), name
        if template is not None:
            assert swift.default_template(model_type, name) == template, name


def _write(folder: str, config: dict[str, Any], args: dict[str, Any] | None) -> None:
    from pathlib import Path

    path = Path(folder)
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config))
    if args is not None:
        (path / "args.json").write_text(json.dumps(args))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/m/Qwen2-VL-2B-Instruct/", "Qwen2-VL-2B-Instruct"),
        ("Qwen/Qwen2-VL-2B", "Qwen2-VL-2B"),
        ("/c/hub/models--Qwen--Qwen2-VL-2B/snapshots/0abc", "Qwen2-VL-2B"),
        ("/c/models/Qwen--Qwen2-VL-2B/snapshots/master", "Qwen2-VL-2B"),
        ("/c/Qwen/Qwen2___5-VL-3B", "Qwen2.5-VL-3B"),
    ],
)
def test_model_name(path: str, name: str) -> None:
    assert model_name(path) == name


def test_args_decide_where_the_name_does_not() -> None:
    swift = read_swift(None)
    assert swift.guess_model_types("/m/checkpoint-1", QWEN2, NEW_ARGS) == ("qwen2_vl",)


def test_the_name_counts_before_args_and_architecture() -> None:
    swift = read_swift(None)
    folder = "/m/Qwen2.5-VL-3B-Instruct"
    assert swift.guess_model_types(folder, QWEN2, NEW_ARGS) == ("qwen2_5_vl",)


def test_a_folder_of_another_name_is_ambiguous() -> None:
    swift = read_swift(None)
    assert swift.guess_model_types("/m/tiny-qwen2_vl", QWEN2) == ("qwen2_vl", "qwen2_gme")
    assert swift.guess_model_types("/m/tiny-qwen2_vl", ["NoSuchModel"]) == ()
    assert swift.default_template("qwen2_vl", "tiny-qwen2_vl") == "ambiguous"
    assert swift.default_template("internvl", "tiny") == "internvl_hf"
    assert swift.default_template("no-such-type", "tiny") is None
    assert swift.default_template(None, "tiny") is None


def test_a_cache_s_folder_is_matched_by_the_model_s_name() -> None:
    swift = read_swift(None)
    folder = "/c/models--Qwen--QVQ-72B-Preview/snapshots/0abc"
    assert swift.guess_model_types(folder, ()) == ("qwen2_vl",)
    assert swift.default_template("qwen2_vl", folder) == "qvq"
    assert swift.default_template("qwen2_vl", folder, NEW_ARGS | {"template": "t"}) == "t"


def test_a_type_with_one_template_for_all() -> None:
    swift = read_swift(None)
    entry = next(entry for entry in swift.models().values() if entry.template is not None)
    assert swift.default_template(entry.model_type, "my-model") == entry.template


def test_args_of_another_kind_are_ignored() -> None:
    swift = read_swift(None)
    for args in ({}, {"model_type": 1, "swift_version": "4.6.0", "template": []}, OLD_ARGS):
        assert len(swift.guess_model_types("/m/checkpoint-1", QWEN2, args)) == 2
    assert swift.default_template("qwen2_vl", "checkpoint-1", {"template": 3}) == "ambiguous"
