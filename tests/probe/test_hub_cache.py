"""A hub's model is found where the hub's own client would look, and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vlft.runs.inference_settings import cached_model

NAME = "Qwen/Qwen2.5-VL-3B-Instruct"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def in_huggingface(root: Path, name: str = NAME, commit: str = COMMIT) -> Path:
    folder = root / f"models--{name.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    return put(folder / "snapshots" / commit)


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    ("variables", "root"),
    [
        ({"HF_HUB_CACHE": "{here}/a"}, "a"),
        ({"HUGGINGFACE_HUB_CACHE": "{here}/b"}, "b"),
        ({"HF_HOME": "{here}/c"}, "c/hub"),
        ({"XDG_CACHE_HOME": "{here}/d"}, "d/huggingface/hub"),
        ({"HF_HOME": "~/e"}, "e/hub"),
        ({}, ".cache/huggingface/hub"),
    ],
)
def test_hugging_faces_cache_is_where_its_variables_say(
    variables: dict[str, str], root: str, tmp_path: Path
) -> None:
    there = in_huggingface(tmp_path / root)
    environ = {name: value.format(here=tmp_path) for name, value in variables.items()}
    environ["HOME"] = str(tmp_path)
    assert cached_model(NAME, "huggingface", environ=environ) == there
    assert cached_model(NAME, "huggingface", "master", environ) == there, "ms-swift's word for main"
    assert cached_model(NAME, "huggingface", COMMIT, environ) == there
    assert cached_model(NAME, "huggingface", "v2", environ) is None
    assert cached_model("Qwen/Qwen2-VL-2B", "huggingface", environ=environ) is None
    assert cached_model(NAME, "modelscope", environ=environ) is None

    pytest.importorskip("huggingface_hub")
    program = (
        "import sys; from huggingface_hub import snapshot_download\n"
        "print(snapshot_download(sys.argv[1], local_files_only=True))"
    )
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG"))
    }
    done = subprocess.run(
        [sys.executable, "-c", program, NAME],
        env=kept | environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(there), "the client itself says so"


@pytest.mark.parametrize(
    "layout",
    [
        "models/Qwen--Qwen2.5-VL-3B-Instruct/snapshots/master",
        "models/Qwen/Qwen2___5-VL-3B-Instruct",
        "hub/models/Qwen/Qwen2___5-VL-3B-Instruct",
        "hub/Qwen/Qwen2.5-VL-3B-Instruct",
        "Qwen/Qwen2___5-VL-3B-Instruct",
    ],
)
def test_modelscopes_caches_of_all_ages(layout: str, tmp_path: Path) -> None:
    there = put(tmp_path / ".cache" / "modelscope" / layout)
    environ = {"HOME": str(tmp_path)}
    assert cached_model(NAME, "modelscope", environ=environ) == there
    assert cached_model(NAME, "modelscope", "main", environ) == there
    assert cached_model(NAME, "modelscope", "v2", environ) is None, "which it was is not known"
    named = {"MODELSCOPE_CACHE": str(tmp_path / ".cache" / "modelscope"), "HOME": "/nowhere"}
    assert cached_model(NAME, "modelscope", environ=named) == there
    assert cached_model(NAME, "modelscope", environ={"HOME": "/nowhere"}) is None


def test_a_folder_inside_a_model_and_names_that_are_none(tmp_path: Path) -> None:
    there = in_huggingface(tmp_path)
    environ = {"HF_HUB_CACHE": str(tmp_path)}
    inside = put(there / "vision")
    assert cached_model(f"{NAME}:vision", "huggingface", environ=environ) == inside
    assert cached_model(f"{NAME}:audio", "huggingface", environ=environ) is None
    for name in ("Qwen", "Qwen/", "/x", "a/b/c", "../x", "a/.."):
        assert cached_model(name, "huggingface", environ=environ) is None
        assert cached_model(name, "modelscope", environ=environ) is None
    (there.parents[1] / "refs" / "main").write_bytes(b"\xff\xfe")
    assert cached_model(NAME, "huggingface", environ=environ) is None
    assert json.loads((there / "config.json").read_text()) == {}
