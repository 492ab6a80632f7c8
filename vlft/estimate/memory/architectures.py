"""From a config.json to a model's sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.estimate.memory.shape import ModelShape, TextShape, Tower, VisionShape

if TYPE_CHECKING:
    from collections.abc import Mapping

    Config = Mapping[str, Any]

_QWEN = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe")


def shape_of(config: Config) -> ModelShape | None:
    """The sizes of a model, or None where its family is unknown or a size is missing.

    Args:
        config: config.json of Qwen2-VL, Qwen2.5-VL, Qwen3-VL, Qwen3-VL-MoE or InternVL (both
            forms), as published or as transformers 4 or 5 writes it.
    """
    kind = config.get("model_type")
    try:
        if kind in _QWEN:
            return _qwen(config, str(kind))
        if kind == "internvl":
            return _internvl(config)
        if kind == "internvl_chat":
            return _internvl_chat(config)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, IndexError):
        return None
    return None


def _qwen(config: Config, kind: str) -> ModelShape:
    text = config.get("text_config") or config
    third = kind.startswith("qwen3")
    shape = _text(text, tied=_tied(config, text), qkv_bias=not third, qk_norm=third)
    return ModelShape(shape, _qwen_vision(config["vision_config"], kind, shape.hidden))


def _qwen_vision(vision: Config, kind: str, output: int) -> VisionShape:
    second = kind == "qwen2_vl"
    third = kind.startswith("qwen3")
    hidden = vision["embed_dim"] if second else vision["hidden_size"]
    inner = int(hidden * vision.get("mlp_ratio", 4)) if second else vision["intermediate_size"]
    channels = vision.get("in_channels", vision.get("in_chans", 3))
    patch = vision.get("patch_size", 16 if third else 14)
    deepstack = vision.get("deepstack_visual_indexes", ()) if third else ()
    full = vision.get("fullatt_block_indexes", ()) if kind == "qwen2_5_vl" else ()
    return VisionShape(
        tower="qwen3_vl" if third else "qwen2_vl" if second else "qwen2_5_vl",
        hidden=hidden,
        intermediate=inner,
        depth=vision["depth"],
        heads=vision["num_heads"],
        output=output,
        patch_inputs=channels * vision.get("temporal_patch_size", 2) * patch**2,
        patch_bias=third,
        merge=vision.get("spatial_merge_size", 2) ** 2,
        positions=vision.get("num_position_embeddings", 2304) if third else 0,
        full_attention=tuple(full),
        deepstack=tuple(sorted(deepstack)),
    )


def _internvl(config: Config) -> ModelShape:
    text, vision = config["text_config"], config["vision_config"]
    shape = _llm(text, tied=_tied(config, text))
    tower = _internvit(
        "internvl",
        config,
        shape.hidden,
        _first(vision.get("image_size") or 448),
        qkv_bias=vision.get("attention_bias", False),
        qk_norm=vision.get("use_qk_norm", False),
        final_norm=not vision.get("use_mean_pooling", True),
    )
    return ModelShape(shape, tower)


def _internvl_chat(config: Config) -> ModelShape:
    text, vision = config["llm_config"], config["vision_config"]
    shape = _llm(text, tied=bool(text.get("tie_word_embeddings", False)))
    tower = _internvit(
        "internvl_chat",
        config,
        shape.hidden,
        _first(config.get("force_image_size") or vision.get("image_size") or 448),
        qkv_bias=vision.get("qkv_bias", True),
        qk_norm=vision.get("qk_normalization", False),
    )
    return ModelShape(shape, tower)


def _internvit(
    tower: Tower,
    config: Config,
    output: int,
    side: int,
    *,
    qkv_bias: bool,
    qk_norm: bool,
    final_norm: bool = False,
) -> VisionShape:
    """InternVL's tower, whose two forms name the same sizes alike and the variants not.

    Args:
        tower: Which form.
        config: The whole config.json.
        output: Width of the text.
        side: Of a tile, in pixels; the tower's positions are those of its own `image_size`.
        qkv_bias: As in VisionShape.
        qk_norm: As in VisionShape.
        final_norm: As in VisionShape.
    """
    vision = config["vision_config"]
    patch = _first(vision.get("patch_size", 14))
    return VisionShape(
        tower=tower,
        hidden=vision["hidden_size"],
        intermediate=vision["intermediate_size"],
        depth=vision["num_hidden_layers"],
        heads=vision["num_attention_heads"],
        output=output,
        patch_inputs=vision.get("num_channels", 3) * patch**2,
        patch_bias=True,
        merge=round(1 / config.get("downsample_ratio", 0.5)) ** 2,
        qkv_bias=qkv_bias,
        qk_norm=qk_norm,
        final_norm=final_norm,
        rms=vision.get("norm_type", "layer_norm") == "rms_norm",
        positions=(_first(vision.get("image_size") or 448) // patch) ** 2 + 1,
        tile_patches=(side // patch) ** 2 + 1,
    )


def _llm(text: Config, *, tied: bool) -> TextShape:
    """The language models of InternVL."""
    kind = str(text.get("model_type", ""))
    architectures = "".join(text.get("architectures") or ()).lower()
    if kind == "internlm2" or "internlm2" in architectures:
        return _text(text, tied=tied, qkv_bias=bool(text.get("bias")), fused_qkv=True)
    if kind == "qwen2" or "qwen2" in architectures:
        return _text(text, tied=tied, qkv_bias=True)
    if kind in {"qwen3", "qwen3_moe"}:
        return _text(text, tied=tied, qkv_bias=False, qk_norm=True)
    if kind == "llama":
        return _text(text, tied=tied, qkv_bias=bool(text.get("attention_bias")))
    raise ValueError(kind)


def _text(
    text: Config, *, tied: bool, qkv_bias: bool, qk_norm: bool = False, fused_qkv: bool = False
) -> TextShape:
    heads = text["num_attention_heads"]
    experts = text.get("num_experts", 0) or 0
    return TextShape(
        vocabulary=text["vocab_size"],
        hidden=text["hidden_size"],
        intermediate=text["intermediate_size"],
        layers=text["num_hidden_layers"],
        heads=heads,
        kv_heads=text.get("num_key_value_heads") or heads,
        head_dim=text.get("head_dim") or text["hidden_size"] // heads,
        qkv_bias=qkv_bias or (qk_norm and bool(text.get("attention_bias"))),
        o_bias=qk_norm and bool(text.get("attention_bias")),
        qk_norm=qk_norm,
        fused_qkv=fused_qkv,
        tied=tied,
        experts=experts,
        experts_per_token=text.get("num_experts_per_tok", 0) if experts else 0,
        expert_width=text.get("moe_intermediate_size", 0) if experts else 0,
        dense_layers=_dense(text) if experts else 0,
    )


def _dense(text: Config) -> int:
    """Layers with an ordinary MLP (Qwen3VLMoeTextDecoderLayer)."""
    only, step = set(text.get("mlp_only_layers") or ()), text.get("decoder_sparse_step", 1)
    layers = range(text["num_hidden_layers"])
    return sum(index in only or (index + 1) % step != 0 for index in layers)


def _tied(config: Config, text: Config) -> bool:
    """The outer value as transformers reads it; nothing is tied where neither says so."""
    return bool(config.get("tie_word_embeddings", text.get("tie_word_embeddings", False)))


def _first(value: Any) -> int:
    return int(value[0] if isinstance(value, (list, tuple)) else value)
