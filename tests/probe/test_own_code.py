"""What the Python files of a checkpoint say, without being run."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlft.probe.checkpoint import is_installed, read_own_code

MAPPED = {"auto_map": {"AutoModel": "modeling_a.Model"}}


def write(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return [f"{name}.py" for name in files]


def test_imports_are_followed_from_the_map_and_nowhere_else(tmp_path: Path) -> None:
    names = write(
        tmp_path,
        modeling_a="import torch.nn\nfrom .b import x\nfrom . import c\nimport math\n",
        b="from timm.layers import DropPath\nfrom .modeling_a import y\n",
        c="def f():\n    import einops as e\n",
        demo="import gradio\n",
        tokenization_a="import tiktoken\n",
    )
    assert read_own_code(tmp_path, names, MAPPED).imports == {"torch", "timm", "einops", "tiktoken"}
    assert read_own_code(tmp_path, names, {}).imports == {"tiktoken"}
    parts = {"llm_config": {"auto_map": {"AutoModel": ["other/repository--b.X", None]}}}
    assert read_own_code(tmp_path, names, parts).imports >= {"timm"}


def test_what_is_tried_is_not_asked_for(tmp_path: Path) -> None:
    names = write(
        tmp_path,
        modeling_a="try:\n    import apex\nexcept ImportError:\n    import xformers\n"
        "if is_flash_attn_2_available():\n    import flash_attn\nif True:\n    import timm\n",
    )
    assert read_own_code(tmp_path, names, MAPPED).imports == {"timm"}


@pytest.mark.parametrize(
    ("assigned", "bare"),
    [("llm_config = {}", True), ("llm_config = {'a': 1}", False), ("x = {}", False)],
)
def test_a_config_without_defaults_is_seen(tmp_path: Path, assigned: str, bare: bool) -> None:
    names = write(tmp_path, modeling_a=f"class C:\n    def __init__(self):\n        {assigned}\n")
    assert read_own_code(tmp_path, names, MAPPED).bare_config is bare


def test_files_that_are_no_python_say_nothing(tmp_path: Path) -> None:
    names = write(tmp_path, modeling_a="def (:\n")
    (tmp_path / "modeling_a.py").write_bytes(b"\xff\x00")
    assert read_own_code(tmp_path, names, MAPPED).imports == frozenset()
    assert read_own_code(tmp_path / "gone", names, MAPPED).imports == frozenset()


def test_a_module_is_a_folder_a_file_or_a_library(tmp_path: Path) -> None:
    (tmp_path / "timm").mkdir()
    (tmp_path / "six.py").touch()
    (tmp_path / "fast.cpython-311-x86_64-linux-gnu.so").touch()
    found = [is_installed(name, [str(tmp_path)]) for name in ("timm", "six", "fast", "einops")]
    assert found == [True, True, True, False]
