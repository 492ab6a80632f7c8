"""Weight files written by hand: a base, an adapter, and the merge that a reader would compute."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Matrix = list[list[float]]
Tensor = tuple[str, tuple[int, ...], list[float]]
"""Type of the format, shape, values."""


def bf16(value: float) -> bytes:
    """The two bytes nearest to a value, ties to even."""
    bits = struct.unpack("<I", struct.pack("<f", value))[0]
    return struct.pack("<H", (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)


def from_bf16(two: bytes) -> float:
    value: float = struct.unpack("<f", b"\0\0" + two)[0]
    return value


def store(values: list[float], dtype: str) -> bytes:
    if dtype == "BF16":
        return b"".join(map(bf16, values))
    code = {"F32": "f", "F16": "e", "F64": "d", "I8": "b", "U8": "B", "I32": "i"}[dtype]
    return struct.pack(f"<{len(values)}{code}", *values)


def write_safetensors(file: Path, tensors: Mapping[str, Tensor]) -> None:
    header: dict[str, Any] = {}
    body = b""
    for name, (dtype, shape, values) in tensors.items():
        data = store(values, dtype)
        place = [len(body), len(body) + len(data)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": place}
        body += data
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + body)


def matrix(rows: int, columns: int, seed: int, size: float = 1.0) -> Matrix:
    """Numbers that look random and are the same on every machine."""
    state, made = seed * 7919 + 1, []
    for _ in range(rows):
        row = []
        for _ in range(columns):
            state = (state * 1103515245 + 12345) % 2**31
            row.append((state / 2**30 - 1) * size)
        made.append(row)
    return made


def product(left: Matrix, right: Matrix) -> Matrix:
    columns = list(zip(*right, strict=True))
    return [[sum(x * y for x, y in zip(row, c, strict=True)) for c in columns] for row in left]


def tensor(values: Matrix, dtype: str = "F32") -> Tensor:
    flat = [value for row in values for value in row]
    return dtype, (len(values), len(values[0])), flat


def write_model(
    folder: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any] | None = None
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    said = {"model_type": "qwen2_vl", "architectures": ["Qwen2VLForConditionalGeneration"]}
    (folder / "config.json").write_text(json.dumps(said | dict(config or {})))
    write_safetensors(folder / "model.safetensors", tensors)
    return folder


def write_adapter(folder: Path, base: Path, tensors: Mapping[str, Tensor], **config: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    said = {
        "peft_type": "LORA",
        "base_model_name_or_path": str(base),
        "r": 4,
        "lora_alpha": 8,
        "fan_in_fan_out": False,
        "use_rslora": False,
        "use_dora": False,
        "rank_pattern": {},
        "alpha_pattern": {},
        "modules_to_save": None,
    }
    (folder / "adapter_config.json").write_text(json.dumps(said | config))
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    return folder
