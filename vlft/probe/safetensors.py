"""The header of a safetensors file: names, types and shapes, without the weights.

Format: 8 bytes with the header's length (little-endian), the header as JSON, the data;
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, TypeGuard

from vlft.files import load_json, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit."""

BITS = {
    "F64": 64, "I64": 64, "U64": 64, "C64": 64, "F32": 32, "I32": 32, "U32": 32,
    "F16": 16, "BF16": 16, "I16": 16, "U16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "I8": 8, "U8": 8, "BOOL": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
"""Data type of the format → bits of one element."""

Tensors = dict[str, tuple[str, tuple[int, ...]]]
"""Name → (data type in the format's own words, such as BF16; shape)."""


class _BrokenFileError(ValueError):
    """A weight file can't be what it should be; the text completes `FILE …`."""


def read_headers(folder: Path, names: Sequence[str]) -> tuple[Tensors, dict[str, str]]:
    """The tensors of weight files, and what is wrong with those that are absent or broken.

    Pickles are looked for and not opened: their tensors are not known.

    Returns:
        The tensors of all; file name → what is wrong with it, to end a sentence.
    """
    tensors: Tensors = {}
    problems: dict[str, str] = {}
    for name in names:
        if os.sep in name or name in {"", ".", ".."}:
            problems[name] = "is named by the index but lies outside of the folder"
        elif not os.path.isfile(folder / name):  # noqa: PTH113 - False for a name that is too long
            problems[name] = "is missing"
        elif name.endswith(".safetensors"):
            try:
                tensors |= _read_header(folder / name)
            except _BrokenFileError as error:
                problems[name] = str(error)
            except OSError as error:
                problems[name] = f"can't be read: {error.strerror}"
    return tensors, problems


def _read_header(path: Path) -> Tensors:
    """The tensors of a safetensors file, its data checked to be all there."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        prefix = file.read(8)
        if prefix == b"version ":
            raise _BrokenFileError("is a Git LFS pointer, not the file: run `git lfs pull`")
        length = int.from_bytes(prefix, "little")
        if len(prefix) < 8 or (8 + length > size and length <= MAX_HEADER_BYTES):  # noqa: PLR2004
            raise _BrokenFileError(f"is cut short: it has {size} bytes, not even its header")
        if length > MAX_HEADER_BYTES:
            raise _BrokenFileError(
                f"is no safetensors file: its header would be {length} bytes long"
            )
        header = file.read(length)
    try:
        entries = parse_object(header)
    except ValueError as error:
        raise _BrokenFileError(f"has a broken header, which {error}") from None
    return _tensors(entries, size - 8 - length)


def _tensors(entries: Mapping[str, Any], data_bytes: int) -> Tensors:
    tensors: Tensors = {}
    needed = 0
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        dtype, shape, start, end = _entry(name, entry)
        expected = math.prod(shape) * BITS[dtype] if dtype in BITS else None
        if expected is not None and expected != (end - start) * 8:
            raise _BrokenFileError(
                f"has a broken header: `{name}` is {dtype} {list(shape)} in {end - start} bytes"
            )
        tensors[name] = (dtype, shape)
        needed = max(needed, end)
    if needed > data_bytes:
        raise _BrokenFileError(f"is cut short: {needed - data_bytes} bytes of weights are missing")
    return tensors


def _entry(name: str, entry: object) -> tuple[str, tuple[int, ...], int, int]:
    """Data type, shape, and the two offsets of one tensor."""
    if isinstance(entry, dict):
        dtype, shape, place = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
        if isinstance(dtype, str) and _is_sizes(shape) and _is_sizes(place):
            start, end = place if len(place) == 2 else (1, 0)  # noqa: PLR2004
            if start <= end:
                return dtype, tuple(shape), start, end
    raise _BrokenFileError(f"has a broken header: `{name[:100]}` has no legal type, shape or place")


def _is_sizes(value: object) -> TypeGuard[list[int]]:
    """Whether it is a list of integers from 0 to what a 64-bit file can hold."""
    return isinstance(value, list) and all(
        type(item) is int and 0 <= item < 2**63 for item in value
    )


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
            shards = load_json(folder / f"{name}.index.json").get("weight_map")
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
