"""Helpers that tests import by name."""

from __future__ import annotations

import json
import struct
import sysconfig
import venv
from pathlib import Path

TINY_MODEL = Path(__file__).parents[2] / "tools" / "tiny_model.py"
"""Builds the tiny model of a family: `--family F --output DIR`."""


def tiny_folders() -> dict[str, str]:
    """Families that have a tiny model → the name of its folder."""
    from vlft.models import family_of, tiny_families
    from vlft.models.tiny import SIZES

    found = {name: family_of(name) for name in tiny_families()}
    return {name: one.tiny(SIZES["smoke"]).folder for name, one in found.items() if one}


# The smallest config.json that is a Qwen2-VL's.
QWEN2_VL = {
    "architectures": ["Qwen2VLForConditionalGeneration"],
    "model_type": "qwen2_vl",
    "torch_dtype": "bfloat16",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "vocab_size": 151936,
}

_HEAVY = (
    "torch",
    "ms_swift",
    "swift",
    "transformers",
    "peft",
    "_virtualenv",
    "__editable__",
    "vlft",
)


def light_environment(folder: Path) -> str:
    """An environment with everything installed here but the trainer's packages.

    Returns:
        Its interpreter.
    """
    venv.create(folder, with_pip=False)
    (target,) = folder.glob("lib/python3.*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.lower().startswith(_HEAVY) and not (target / entry.name).exists():
            (target / entry.name).symlink_to(entry)
    return str(folder / "bin" / "python")


def make_model_folder(folder: Path, config: dict[str, object] | None = None) -> Path:
    """A model folder without real weights: enough for what vlft reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config or QWEN2_VL))
    header = json.dumps(
        {"lm_head.weight": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}
    ).encode()
    weights = struct.pack("<Q", len(header)) + header + bytes(8)
    (folder / "model.safetensors").write_bytes(weights)
    for name in ("vocab.json", "merges.txt"):
        (folder / name).touch()
    (folder / "preprocessor_config.json").write_text("{}")
    return folder
