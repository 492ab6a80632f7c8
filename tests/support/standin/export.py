"""Stands in for `swift export` where a test wants it to go wrong: merges with numpy alone.

FAULT in the environment says how: `unmerged`, `dropped`, `truncated`, `slow`, `quiet`. A model
that is no folder is taken from the folder HUB, and left in the folder FETCHED.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import time
from pathlib import Path

import numpy as np


def read(folder: str, stem: str) -> dict[str, np.ndarray]:
    data = Path(folder, f"{stem}.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    return {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"])
        for name, entry in header.items()
    }


def write(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    header, body = {}, b""
    for name, values in tensors.items():
        kind = {"float32": "F32", "int8": "I8"}[str(values.dtype)]
        data = values.tobytes()
        place = [len(body), len(body) + len(data)]
        header[name] = {"dtype": kind, "shape": list(values.shape), "data_offsets": place}
        body += data
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)


words = sys.argv[1:]
flags = dict(zip(words[::2], words[1::2], strict=False))
fault = os.environ.get("FAULT")
out = Path(flags["--output_dir"])
out.mkdir(parents=True)
model = flags["--model"]
if not Path(model).is_dir():
    model = str(Path(os.environ["HUB"], Path(model).name))
    if "FETCHED" in os.environ:
        shutil.copytree(model, os.environ["FETCHED"])
config = json.loads(Path(model, "config.json").read_text())
made = read(model, "model")
if "--adapters" in flags:
    adapter = read(flags["--adapters"], "adapter_model")
    said = json.loads(Path(flags["--adapters"], "adapter_config.json").read_text())
    for name in [name for name in adapter if ".lora_A." in name]:
        target = name.removeprefix("base_model.model.").replace(".lora_A", "")
        change = adapter[name.replace("lora_A", "lora_B")] @ adapter[name]
        if fault != "unmerged":
            made[target] = made[target] + np.float32(said["lora_alpha"] / said["r"]) * change
if "--quant_method" in flags:
    for name in [name for name in made if "proj" in name]:
        scale = np.abs(made[name]).max(axis=1)
        if fault != "claimed":
            made[name] = np.round(made[name] / scale[:, None] * 127).astype(np.int8)
            made[name.replace(".weight", ".SCB")] = scale.astype(np.float32)
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_8bit": True}
    rows = flags.get("--dataset")
    if rows:
        (out / "seen.jsonl").write_text(Path(rows).read_text())
if fault == "dropped":
    made.popitem()
(out / "config.json").write_text(json.dumps(config))
write(out, made)
if fault == "truncated":
    file = out / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
if fault == "slow":
    time.sleep(600)
