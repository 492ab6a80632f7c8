"""Checkpoints of InternVL with code of their own, and environments that load them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from examples.checkpoint_folders import lay_out_environment

QWEN2 = {"architectures": ["Qwen2ForCausalLM"]}
OWN_CONFIG = "configuration_own.InternVLChatConfig"


def lay_out_own_code(folder: Path, make_model: Callable[..., Path]) -> None:
    """Writes them into the folder of a test."""

    def chat(name: str, language: Mapping[str, object], **more: object) -> None:
        config = {
            "architectures": ["InternVLChatModel"],
            "model_type": "internvl_chat",
            "auto_map": {"AutoConfig": OWN_CONFIG, "AutoModel": "modeling_own.InternVLChatModel"},
            "force_image_size": 448,
            "llm_config": language,
            **more,
        }
        made = make_model(folder / name, config)
        (made / "configuration_own.py").write_text("from transformers import PretrainedConfig\n")
        (made / "modeling_own.py").write_text(
            "import torch\nfrom timm.layers import DropPath\nfrom .configuration_own import C\n"
            "try:\n    import flash_attn\nexcept ImportError:\n    pass\n"
        )

    chat("chat/InternVL3-1B", QWEN2)
    chat("tiles-224/InternVL3-1B", QWEN2, force_image_size=224)
    chat("quarter/InternVL3-1B", QWEN2, downsample_ratio=0.25)
    own = {"architectures": ["Phi3ForCausalLM"], "auto_map": {"AutoModel": "modeling_phi3.Phi3"}}
    chat("chat/InternVL2-2B", own)
    qwen = {
        "architectures": ["QWenLMHeadModel"],
        "model_type": "qwen",
        "auto_map": {"AutoModelForCausalLM": "modeling_qwen.QWenLMHeadModel"},
        "visual": {"image_size": 448},
    }
    (make_model(folder / "Qwen-VL-Chat", qwen) / "modeling_qwen.py").write_text("import torch\n")
    lay_out_environment(folder / "of-its-time", torch="2.8.0", transformers="4.49.0")
    common = {"torch": "2.8.0", "timm": "1.0.20", "qwen_vl_utils": "0.0.14", "decord": "0.6.0"}
    lay_out_environment(folder / "chatting", transformers="4.57.1", **common)
    lay_out_environment(folder / "today", transformers="5.19.0", **common)
