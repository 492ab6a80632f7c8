"""A model or adapter folder, read without loading it and without running its code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.errors import VlftError
from vlft.probe.checkpoint_types import Checkpoint
from vlft.probe.json_file import read_json
from vlft.probe.safetensors import pickle_files, weight_files

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Checkpoint", "read_checkpoint"]

# Files in which `auto_map` makes transformers import code from the folder.
_CODE_NAMING_FILES = (
    "config.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
)
# A processor makes AutoProcessor of ms-swift's AutoTokenizer (swift/model/register.py).
_PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json")
_VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt", "tekken.json")
_JSON_FILES = (*_CODE_NAMING_FILES, "adapter_config.json", "args.json")


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Reads the configs of a model or adapter folder; weights are only counted.

    Raises:
        VlftError: If it is no folder with a config.json or adapter_config.json, or one of
            its JSON files is broken.
    """
    folder = Path(os.path.abspath(path))  # noqa: PTH100  the name of a symlink counts
    names = _names(folder)
    files = {name: read_json(folder / name) for name in _JSON_FILES if name in names}
    config, adapter = files.get("config.json"), files.get("adapter_config.json")
    if adapter is None and config is None:
        raise VlftError(
            f"`{folder}` has no config.json and no adapter_config.json", _nearby(folder, names)
        )
    weights = weight_files(folder, names, "model" if adapter is None else "adapter_model")
    return Checkpoint(
        path=str(folder),
        kind="model" if adapter is None else "adapter",
        config=config or {},
        preprocessor=_preprocessor(files),
        code_files=tuple(name for name in names if name.endswith(".py")),
        has_auto_map=any(_has_auto_map(files.get(name, {})) for name in _CODE_NAMING_FILES),
        tokenizer_files=tuple(name for name in names if _is_vocabulary(name)),
        has_processor=any(name in names for name in _PROCESSOR_FILES),
        weight_files=weights,
        weight_bytes=sum(_size(folder / name) for name in weights if name in names),
        pickle_files=pickle_files(names),
        adapter=adapter,
        args=files.get("args.json"),
    )


def _is_vocabulary(name: str) -> bool:
    # tokenizer.model, spiece.model, qwen.tiktoken; a tokenizer with code of its own may read more.
    return name in _VOCABULARIES or name.endswith((".model", ".tiktoken"))


def _names(folder: Path) -> list[str]:
    """Names in the folder, sorted."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  names are enough
    except FileNotFoundError:
        raise VlftError(f"there is no folder `{folder}`", "check the path") from None
    except NotADirectoryError:
        hint = f"name the folder: `{folder.parent}`"
        raise VlftError(f"`{folder}` is a file, not a model folder", hint) from None
    except OSError as error:
        raise VlftError(f"`{folder}` can't be read: {error.strerror}") from None
    except ValueError:
        raise VlftError(f"{str(folder)!r} is no path: it has a zero byte") from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # a symlink into a cache that was emptied; `problems` tells


def _nearby(folder: Path, names: list[str]) -> str:
    """Where the checkpoint probably is: one level down, as in a run's output folder."""
    inside = [name for name in names if _is_checkpoint(folder / name)]
    if inside:
        # checkpoint-9 comes before checkpoint-10
        last = max(inside, key=lambda name: (len(name), name))
        return f"did you mean `{folder / last}`?"
    return "name the folder that holds the config and the weights"


def _is_checkpoint(folder: Path) -> bool:
    try:
        return any((folder / name).is_file() for name in ("config.json", "adapter_config.json"))
    except OSError:
        return False


def _preprocessor(files: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The image processor: its part of processor_config.json goes first in transformers 5."""
    nested = files.get("processor_config.json", {}).get("image_processor")
    return nested if isinstance(nested, dict) else files.get("preprocessor_config.json", {})


def _has_auto_map(value: Mapping[str, Any]) -> bool:
    """Whether the key stands anywhere, in the configs of parts as well."""
    parts: list[Any] = [value]
    while parts:
        part = parts.pop()
        if part.get("auto_map"):
            return True
        parts += [item for item in part.values() if isinstance(item, dict)]
    return False
