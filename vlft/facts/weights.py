"""Which files of a folder the weights are loaded from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.facts.json_file import read_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# The Trainer's own state beside the weights: not loaded as a model.
_STATE_FILES = ("training_args", "optimizer", "scheduler", "scaler", "rng_state")


def weight_files(folder: Path, names: Sequence[str], stem: str) -> tuple[str, ...]:
    """Names of the files that transformers or peft would load, in the order it looks.

    Args:
        folder: The checkpoint.
        names: All names in it.
        stem: `model`, or `adapter_model`.

    Returns:
        One file or all shards of an index, there or not; safetensors before pickles. Empty
        if there are no weights by any of these names.

    Raises:
        VlftError: If an index is no JSON.
    """
    pickle_stem = "pytorch_model" if stem == "model" else stem
    for name in (f"{stem}.safetensors", f"{pickle_stem}.bin"):
        if name in names:
            return (name,)
        if f"{name}.index.json" in names:
            shards = read_json(folder / f"{name}.index.json").get("weight_map")
            files = shards.values() if isinstance(shards, dict) else ()
            return tuple(sorted({str(file) for file in files}))
    return ()


def pickle_files(names: Sequence[str]) -> tuple[str, ...]:
    """Those of a folder's names that hold weights as pickles: loading one can run code."""
    return tuple(
        name
        for name in names
        if name.endswith(_PICKLE_SUFFIXES) and not name.startswith(_STATE_FILES)
    )
