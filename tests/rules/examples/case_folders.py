"""What the cases in expected/ name beside the folders of the examples."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

from examples.checkpoint_folders import QWEN2_VL, lay_out_environment

MakeModel = Callable[..., Path]
CHAT = {"architectures": ["InternVLChatModel"], "model_type": "internvl_chat"}
HF = {"architectures": ["InternVLForConditionalGeneration"], "model_type": "internvl"}
_QUANTIZED: dict[str, dict[str, object]] = {
    "in-fp8": {"quant_method": "fp8"},
    "in-unnamed": {"load_in_4bit": True},
    "in-awq": {"quant_method": "awq", "bits": 4},
}


def lay_out_cases(folder: Path, make_model: MakeModel) -> None:
    """Writes them into the folder of the cases."""
    _models(folder, make_model)
    _sharded(folder, make_model)
    _deepspeed(folder)
    _resume(folder)
    _environments(folder)
    (folder / "dims.json").write_text('{"256": 1}')
    (folder / "fsdp.json").write_text('{"fsdp": "full_shard"}')
    (folder / "tokens.txt").touch()
    (folder / "system.txt").write_text("You answer.")
    (folder / "a#b.jsonl").write_text((folder / "train.jsonl").read_text())


def _models(folder: Path, make_model: MakeModel) -> None:
    for name, config in {
        "InternVL2-1B": CHAT,
        "tiny-internvl-hf": HF,
        "own-text-bare": {"architectures": ["OwnForCausalLM"], "model_type": "own"},
    }.items():
        (make_model(folder / name, config) / "preprocessor_config.json").unlink()
    for name, quantization in _QUANTIZED.items():
        make_model(folder / name, QWEN2_VL | {"quantization_config": quantization})
    coded = make_model(folder / "coded-tokenizer", QWEN2_VL)
    for file in ("vocab.json", "merges.txt"):
        (coded / file).unlink()
    (coded / "tokenization_own.py").touch()
    (coded / "modeling_own.py").touch()
    mapped = make_model(folder / "auto-map", QWEN2_VL | {"auto_map": {"AutoModel": "own.Model"}})
    assert mapped.is_dir()
    lonely = folder / "lonely-adapter"
    lonely.mkdir()
    (lonely / "adapter_config.json").write_text("{}")
    qwen3 = {"architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl"}
    make_model(folder / "Qwen3-VL-2B-Instruct", qwen3)
    make_model(folder / "own-part", {"architectures": [], "text_config": {}})
    heads = {"num_attention_heads": 6}
    make_model(folder / "heads" / "Qwen2-VL-2B-Instruct", QWEN2_VL | heads)
    heads = {"text_config": {"num_key_value_heads": 3, "num_attention_heads": 12}}
    make_model(folder / "text-heads" / "Qwen2-VL-2B-Instruct", QWEN2_VL | heads)
    patches = CHAT | {"vision_config": {"patch_size": 16}}
    make_model(folder / "patches-16" / "InternVL2-1B", patches)
    chat = {"llm_config": {"num_key_value_heads": 0, "num_attention_heads": 5}}
    make_model(folder / "llm-heads" / "InternVL2-1B", CHAT | chat)
    modules = ["up_proj", "visual.up_proj", "visual.a.proj", "model.zz_proj", "model.b.proj"]
    weights = _safetensors([f"{module}.weight" for module in modules])
    (make_model(folder / "ends", QWEN2_VL) / "model.safetensors").write_bytes(weights)
    (make_model(folder / "no-tensors", QWEN2_VL) / "model.safetensors").write_bytes(
        _safetensors([])
    )
    # Each of these is registered for one model_type, and asks for packages of its own.
    for name, architecture in {
        "llava-qwen": "LlavaQwenForCausalLM",
        "ocr": "DeepseekOCRForCausalLM",
        "molmo2": "Molmo2ForConditionalGeneration",
    }.items():
        make_model(folder / name, {"architectures": [architecture], "vision_config": {}})
    make_model(folder / "llama", {"architectures": ["LlamaForCausalLM"], "model_type": "llama"})


def _sharded(folder: Path, make_model: MakeModel) -> None:
    """A model whose second and third shard are missing, and one in two pickles."""
    for name, form, count in (
        ("two-missing", "model-{:05}-of-00003.safetensors", 3),
        ("pickled-shards", "pytorch_model-{:05}-of-00002.bin", 2),
    ):
        model = make_model(folder / name, QWEN2_VL)
        files = [form.format(number) for number in range(1, count + 1)]
        (model / "model.safetensors").rename(model / files[0])
        pickled = files[0].endswith(".bin")
        for file in files[1:] if pickled else []:
            (model / file).write_bytes(b"")
        index = {"weight_map": {f"lm_head.{place}": file for place, file in enumerate(files)}}
        start = "pytorch_model.bin" if pickled else "model.safetensors"
        (model / f"{start}.index.json").write_text(json.dumps(index))


def _deepspeed(folder: Path) -> None:
    batch: dict[str, object] = {"train_batch_size": "auto"}
    for name, settings in {
        "ds-empty": {},
        "ds-stage-3": batch | {"zero_optimization": {"stage": 3}},
        "ds-stage-4": batch | {"zero_optimization": {"stage": 4}},
        "ds-two-numbers": {
            "zero_optimization": {"stage": 2},
            "gradient_accumulation_steps": 4,
            "train_micro_batch_size_per_gpu": 2,
            "train_batch_size": 7,
            "gradient_clipping": 0.5,
        },
        "ds-values": batch
        | {
            "zero_optimization": {"stage": 2},
            "optimizer": {"params": {"lr": 1e-5, "weight_decay": 0.2}},
            "scheduler": {"params": {"warmup_max_lr": 1e-5}},
            "fp16": {"enabled": True},
            "bf16": {"enabled": False},
        },
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(settings))


def _resume(folder: Path) -> None:
    """Checkpoints of a whole model, without its arguments, inside a run's folder."""
    for name, args in {"resume-full": {"tuner_type": "full"}, "resume-unsaid": None}.items():
        checkpoint = folder / name
        checkpoint.mkdir()
        (checkpoint / "trainer_state.json").write_text(json.dumps({"global_step": 10}))
        (checkpoint / "model.safetensors").touch()
        (checkpoint / "optimizer.pt").touch()
        if args is not None:
            (checkpoint / "args.json").write_text(json.dumps(args))
    unsaid = folder / "resume-adapter-unsaid"
    unsaid.mkdir()
    (unsaid / "trainer_state.json").write_text("{}")
    (unsaid / "adapter_config.json").write_text("{}")
    (unsaid / "optimizer.pt").touch()
    (folder / "run" / "checkpoint-20").mkdir(parents=True)
    (folder / "run" / "checkpoint-20" / "trainer_state.json").write_text("{}")


def _environments(folder: Path) -> None:
    common = {"torch": "2.8.0", "transformers": "4.57.1"}
    for name, packages in {
        "torch-2.6": common | {"torch": "2.6.0", "qwen_vl_utils": "0.0.14"},
        "utils-0.0.10": common | {"qwen_vl_utils": "0.0.10"},
        "utils-0.0.5": common | {"qwen_vl_utils": "0.0.5"},
        "utils-0.0.11": common | {"qwen_vl_utils": "0.0.11", "torchcodec": "0.5"},
        "utils-0.0.13": common | {"qwen_vl_utils": "0.0.13"},
        "with-kernels": common | {"qwen_vl_utils": "0.0.14", "kernels": "0.9"},
        "peft-0.19": common | {"qwen_vl_utils": "0.0.14", "peft": "0.19.9"},
        "too-new": common | {"transformers": "5.9.0", "qwen_vl_utils": "0.0.14"},
        "npu": common | {"qwen_vl_utils": "0.0.14", "torch_npu": "2.8.0"},
    }.items():
        lay_out_environment(folder / name, **packages)
    bare = folder / "bare" / "bin"
    bare.mkdir(parents=True)
    (bare / "python").symlink_to("/bin/sh")


def _safetensors(names: list[str]) -> bytes:
    """A whole file of 2 × 2 tensors."""
    header = json.dumps(
        {
            name: {"dtype": "BF16", "shape": [2, 2], "data_offsets": [8 * place, 8 * place + 8]}
            for place, name in enumerate(names)
        }
    ).encode()
    return struct.pack("<Q", len(header)) + header + bytes(8 * len(names))
