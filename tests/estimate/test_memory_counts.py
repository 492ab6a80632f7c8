"""Parameters from a config.json."""

from __future__ import annotations

import pytest
from estimate.memory_points import FOLDER, config

from vlft.estimate.memory.states import count
from vlft.models import shape_of

# The counts of the published checkpoints; InternVL3's 1B and 2B by the real transformers class.
PUBLISHED = {
    "Qwen2-VL-2B": 2_208_985_600,
    "Qwen2-VL-7B": 8_291_375_616,
    "Qwen2.5-VL-3B": 3_754_622_976,
    "Qwen2.5-VL-7B": 8_292_166_656,
    "Qwen3-VL-2B": 2_127_532_032,
    "Qwen3-VL-4B": 4_437_815_808,
    "Qwen3-VL-8B": 8_767_123_696,
    "InternVL3-1B": 938_193_024,
    "InternVL3-2B": 2_088_957_440,
    "InternVL3-8B": 7_944_373_760,
}


def test_every_model_of_the_points_is_here():
    assert {path.name for path in (FOLDER / "models").iterdir()} == set(PUBLISHED)


@pytest.mark.parametrize("model", PUBLISHED)
def test_parameters(model):
    shape = shape_of(config(model))
    assert shape is not None
    assert count(shape).parameters == PUBLISHED[model]


def test_both_forms_of_internvl_have_the_same_weights():
    native = config("InternVL3-8B")
    vision = native["vision_config"]
    chat = {
        "model_type": "internvl_chat",
        "downsample_ratio": 0.5,
        "force_image_size": 448,
        "llm_config": native["text_config"] | {"architectures": ["Qwen2ForCausalLM"]},
        "vision_config": {
            "hidden_size": vision["hidden_size"],
            "intermediate_size": vision["intermediate_size"],
            "num_hidden_layers": vision["num_hidden_layers"],
            "num_attention_heads": vision["num_attention_heads"],
            "image_size": 448,
            "patch_size": 14,
            "qkv_bias": True,
            "qk_normalization": False,
            "norm_type": "layer_norm",
        },
    }
    shape = shape_of(chat)
    assert shape is not None
    assert count(shape).parameters == PUBLISHED["InternVL3-8B"]


def test_text_sizes_may_stand_under_text_config():
    flat = config("Qwen2-VL-2B")
    nested = dict(flat)
    sizes = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")
    text = {key: nested.pop(key) for key in (*sizes, "num_attention_heads", "num_key_value_heads")}
    assert shape_of(nested | {"text_config": text}) == shape_of(flat)


@pytest.mark.parametrize("missing", ["hidden_size", "num_hidden_layers", "vision_config"])
def test_a_config_that_lacks_a_size_has_no_shape(missing):
    broken = config("Qwen2-VL-2B")
    del broken[missing]
    assert shape_of(broken) is None


def test_another_family_has_no_shape():
    assert shape_of({"model_type": "llama", "hidden_size": 4096}) is None
