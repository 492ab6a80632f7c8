"""Build a tiny checkpoint with code of its own that shows the defects of InternVL's.

Run by the trainer's interpreter, as a program of its own:

    python own_code_model.py FORM FOLDER

FORM is `qwen2` (transformers' own language model, tied, its output layer not stored), `older` (the
same with a config that can't be made without arguments), `speaker` (a language model inside the
checkpoint) or `cached` (the same from the days when caches were objects of other names). Beside
FOLDER comes FOLDER.reference.pt: logits and features of a model that was made
without `from_pretrained`, as none of the defects can touch it.
"""

from __future__ import annotations

import importlib
import json
import shutil
import sys
import types
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import DynamicCache

import vlft
from vlft.models import tiny_spec
from vlft.models.internvl import INTERNVL_HF
from vlft.models.tiny import SIZES

CODE = Path(__file__).with_name("own_code")
SIDE, VOCABULARY = 56, 151_936
# Names that transformers 5 has no more, as far as an empty cache needs them.
GONE = {
    "from_legacy_cache": staticmethod(lambda _: DynamicCache()),
    "to_legacy_cache": lambda _: (),
    "get_usable_length": lambda *_: 0,
}
# What code of transformers 4.41 does where that of 4.37 takes a cache for tuples.
CACHED = {
    "import torch\n": "import torch\nfrom transformers.cache_utils import Cache, DynamicCache\n",
    "        known = past_key_values[0][0].shape[2] if past_key_values is not None else 0\n": """\
        if not isinstance(past_key_values, Cache):
            past_key_values = DynamicCache.from_legacy_cache(past_key_values)
        known = past_key_values.get_usable_length(length)
        past_key_values = past_key_values.to_legacy_cache() or None
""",
    "            known = past_key_values[0][0].shape[2]\n": """\
            if isinstance(past_key_values, Cache):
                known = past_key_values.seen_tokens
            else:
                known = past_key_values[0][0].shape[2]
""",
    "            input_ids = input_ids[:, known if input_ids.shape[1] > known else -1 :]\n": """\
            if attention_mask is not None and attention_mask.shape[1] > input_ids.shape[1]:
                input_ids = input_ids[:, -(attention_mask.shape[1] - known) :]
            elif known < input_ids.shape[1]:
                input_ids = input_ids[:, known:]
""",
}


def main(form: str, folder: Path) -> None:
    shutil.copytree(CODE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    if form == "older":
        file = folder / "configuration_tiny.py"
        told = file.read_text()
        bare = told.replace(
            'llm_config = {"architectures": ["Qwen2ForCausalLM"]}', "llm_config = {}"
        )
        assert bare != told
        file.write_text(bare)
    if form == "cached":
        file = folder / "modeling_tiny_speaker.py"
        text = file.read_text()
        for before, after in CACHED.items():
            assert text.count(before) == 1, before
            text = text.replace(before, after)
        file.write_text(text)
    sys.path.insert(0, str(Path(vlft.__file__).parent / "trainer_side"))
    spec = tiny_spec(INTERNVL_HF, SIZES["smoke"])
    importlib.import_module("tiny_model").build_tokenizer(spec).save_pretrained(folder)
    config = {
        "architectures": ["InternVLChatModel"],
        "auto_map": {
            "AutoConfig": "configuration_tiny.InternVLChatConfig",
            "AutoModel": "modeling_tiny.InternVLChatModel",
            "AutoModelForCausalLM": "modeling_tiny.InternVLChatModel",
        },
        "model_type": "internvl_chat",
        "torch_dtype": "float32",
        "force_image_size": SIDE,
        "downsample_ratio": 0.5,
        "vision_config": {"hidden_size": 32, "image_size": SIDE, "patch_size": 14},
        "llm_config": _speaker() if form in {"speaker", "cached"} else _qwen2(),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    model = _made(folder, config)
    tied = config["llm_config"]["tie_word_embeddings"]
    torch.manual_seed(0)
    for name, weight in model.named_parameters():
        if weight.ndim > 1:
            words = "embed_tokens" in name or "words" in name
            weight.data.normal_(std=0.5 if words else 0.1)
    if tied:
        part = model.language_model
        part.lm_head.weight = part.model.embed_tokens.weight
    stored = {k: v for k, v in model.state_dict().items() if not (tied and "lm_head" in k)}
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    ids, picture = torch.tensor([[5, 6, 7, 8, 9, 10]]), torch.randn(1, 3, SIDE, SIDE)
    with torch.no_grad():
        logits = model.eval().language_model(input_ids=ids).logits
        features = model.extract_feature(picture)
    reference = {"ids": ids, "picture": picture, "logits": logits, "features": features}
    torch.save(reference, folder.with_name(f"{folder.name}.reference.pt"))


def _made(folder: Path, config: dict[str, Any]) -> Any:
    """The model, from its class: no loading, no meta device."""
    package = types.ModuleType("as_it_is")
    package.__path__ = [str(folder)]
    sys.modules["as_it_is"] = package
    configuration = importlib.import_module("as_it_is.configuration_tiny")
    speaker = importlib.import_module("as_it_is.modeling_tiny_speaker")
    for name, answer in GONE.items():
        setattr(DynamicCache, name, answer)
    speaker.SpeakerTrunk.get_head_mask = lambda _self, _mask, layers: [None] * layers
    return importlib.import_module("as_it_is.modeling_tiny").InternVLChatModel(
        configuration.InternVLChatConfig(**config)
    )


def _qwen2() -> dict[str, Any]:
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
    }


def _speaker() -> dict[str, Any]:
    return {
        "architectures": ["SpeakerForCausalLM"],
        "auto_map": {
            "AutoConfig": "configuration_tiny.SpeakerConfig",
            "AutoModelForCausalLM": "modeling_tiny_speaker.SpeakerForCausalLM",
        },
        "model_type": "tiny_speaker",
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "heads": 4,
        "tie_word_embeddings": False,
    }


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
