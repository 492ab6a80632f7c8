"""Checkpoints and environments that examples name: each lacks or has what its name says."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

QWEN2_VL = {
    "architectures": ["Qwen2VLForConditionalGeneration"],
    "model_type": "qwen2_vl",
    "torch_dtype": "bfloat16",
}


# The sizes that a Qwen2-VL-7B's config.json gives.
SIZES = {
    "vocab_size": 152064,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "tie_word_embeddings": False,
    "vision_config": {
        "depth": 32,
        "embed_dim": 1280,
        "hidden_size": 3584,
        "mlp_ratio": 4,
        "num_heads": 16,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    },
}


def lay_out_checkpoints(folder: Path, make_model: Callable[..., Path]) -> None:
    """Writes them into the folder of a test."""
    (make_model(folder / "config-only") / "model.safetensors").unlink()
    tokenless = make_model(folder / "no-tokenizer")
    for name in ("vocab.json", "merges.txt"):
        (tokenless / name).unlink()
    (make_model(folder / "no-processor") / "preprocessor_config.json").unlink()
    weights = make_model(folder / "cut-short") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    shutil.move(make_model(folder / "pickled") / "model.safetensors", folder / "pickled" / "old")
    (folder / "pickled" / "pytorch_model.bin").write_bytes(b"")
    for name, method in {"in-4-bits": "bitsandbytes", "in-gptq": "gptq"}.items():
        own = {"bits": 4} if method == "gptq" else {"load_in_4bit": True}
        quantization = {"quantization_config": {"quant_method": method, **own}}
        make_model(folder / name, QWEN2_VL | quantization)
    make_model(
        folder / "unheard-of",
        {"architectures": ["OwnVLForConditionalGeneration"], "vision_config": {}},
    )
    make_model(folder / "sized" / "Qwen2-VL-7B-Instruct", QWEN2_VL | SIZES)
    make_model(folder / "own-qwen2", {"architectures": ["Qwen2ForCausalLM"]})
    make_model(folder / "own-text", {"architectures": ["OwnForCausalLM"], "model_type": "own"})
    # A published InternVL2's name decides the template, and asks for timm.
    chat = {"architectures": ["InternVLChatModel"], "model_type": "internvl_chat"}
    make_model(folder / "InternVL2-2B", chat)
    lay_out_environment(
        folder / "old", torch="2.5.1", transformers="4.40.0", qwen_vl_utils="0.0.12"
    )
    lay_out_environment(
        folder / "flashy",
        torch="2.8.0",
        transformers="4.57.1",
        qwen_vl_utils="0.0.14",
        flash_attn="2.8.3",
        decord="0.6.0",
    )
    third = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl"}
    make_model(folder / "third" / "Qwen3-VL-2B-Instruct", third)
    lay_out_environment(
        folder / "ligered",
        torch="2.8.0",
        transformers="5.0.0",
        qwen_vl_utils="0.0.14",
        decord="0.6.0",
        liger_kernel="0.8.5",
    )
    lay_out_environment(
        folder / "quantising",
        torch="2.8.0",
        transformers="5.0.0",
        qwen_vl_utils="0.0.14",
        decord="0.6.0",
        bitsandbytes="0.48.0",
        optimum_quanto="0.2.7",
    )
    # What a run usually needs, whatever is installed around the tests.
    lay_out_environment(
        folder / "trainer",
        torch="2.8.0",
        transformers="4.57.1",
        qwen_vl_utils="0.0.14",
        decord="0.6.0",
        deepspeed="0.17.5",
        peft="0.20.0",
        bitsandbytes="0.48.0",
    )


def lay_out_environment(prefix: Path, **packages: str) -> None:
    """A virtual environment with ms-swift and the given packages, as far as files tell."""
    site = prefix / "lib" / "python3.11" / "site-packages"
    (site / "swift").mkdir(parents=True)
    (site / "swift" / "__init__.py").touch()
    for name, version in {"ms_swift": "4.6.0", **packages}.items():
        (site / f"{name}-{version}.dist-info").mkdir()
    (prefix / "bin").mkdir()
    (prefix / "bin" / "python").symlink_to(sys.executable)
    (prefix / "pyvenv.cfg").write_text("version = 3.11.7\n")
