"""Memory of tiles of another side than 448 pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from estimate.memory_points import config
from support.folders import make_model_folder

from vlft.estimate import look_ahead
from vlft.estimate.report import Outlook
from vlft.pipeline import Ready, look_at_hardware, prepare

NATIVE = config("InternVL3-1B")
VISION = {
    **{
        key: NATIVE["vision_config"][key]
        for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    },
    "patch_size": 14,
    "qkv_bias": True,
    "norm_type": "layer_norm",
}
PUBLISHED = 938_193_024  # parameters, with positions for 448 pixels
CHAT = {
    "model_type": "internvl_chat",
    "architectures": ["InternVLChatModel"],
    "downsample_ratio": 0.5,
    "torch_dtype": "bfloat16",
    "llm_config": NATIVE["text_config"] | {"architectures": ["Qwen2ForCausalLM"]},
}


def outlook(folder: Path, sizes: dict[str, Any], environ: dict[str, str]) -> Outlook:
    """The figures of a run on such a checkpoint, one tile a picture."""
    vision = VISION | {"image_size": sizes.pop("image_size")}
    make_model_folder(folder / "InternVL3-1B", CHAT | sizes | {"vision_config": vision})
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    (folder / "train.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "c.yaml").write_text(
        "model: {path: InternVL3-1B}\ndata: {train: [train.jsonl], max_length: 2048}\n"
        "pixels: {tiles: 1}\nlaunch: {gpus: 1}\ntrain: {global_batch_size: 1}\n"
    )
    ready = prepare(folder / "c.yaml", [], look_at_hardware("A100-80G"), environ)
    assert isinstance(ready, Ready)
    return look_ahead(ready)


@pytest.mark.parametrize(
    ("sizes", "environ", "side"),
    [
        ({"force_image_size": 448, "image_size": 448}, {}, 448),
        ({"force_image_size": 224, "image_size": 448}, {}, 224),
        ({"image_size": 336}, {}, 336),
        ({"force_image_size": 224, "image_size": 224}, {"INPUT_SIZE": "448"}, 448),
    ],
)
def test_a_picture_is_a_tile_of_the_side_that_the_run_cuts(
    tmp_path: Path, sizes: dict[str, Any], environ: dict[str, str], side: int
) -> None:
    found = outlook(tmp_path, dict(sizes), environ)
    patches = (side // 14) ** 2
    assert found.row is not None
    assert found.row.vision == patches // 4
    assert found.run is not None
    assert found.run.patches == patches + 1
    assert found.memory is not None
    # The tower's parameters go by its own image_size, whatever the tiles are.
    lacking = (1025 - (sizes["image_size"] // 14) ** 2 - 1) * VISION["hidden_size"]
    own = found.memory.parameters - found.memory.trainable_parameters
    assert own == PUBLISHED - lacking
