"""InternViT and the language models beside it: what both forms of InternVL share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.models.architecture import TextShape, VisionShape, part_of, read_decoder

if TYPE_CHECKING:
    from vlft.models.architecture import Config


def read_intern_vit(
    config: Config,
    output: int,
    side: int,
    *,
    joined_qkv: bool,
    qkv_bias: bool,
    qk_norm: bool,
    final_norm: bool = False,
) -> VisionShape:
    """The tower; its two forms name the same sizes alike, and the variants not.

    Args:
        config: The whole config.json.
        output: Width of the text.
        side: Of a tile, in pixels; the tower's positions are those of its own `image_size`.
        joined_qkv: As in VisionShape.
        qkv_bias: As in VisionShape.
        qk_norm: As in VisionShape.
        final_norm: As in VisionShape.
    """
    vision = part_of(config, "vision_config")
    patch = first(vision.get("patch_size", 14))
    return VisionShape(
        hidden=vision["hidden_size"],
        intermediate=vision["intermediate_size"],
        depth=vision["num_hidden_layers"],
        heads=vision["num_attention_heads"],
        output=output,
        patch_inputs=vision.get("num_channels", 3) * patch**2,
        patch_bias=True,
        norm="rms_norm" if vision.get("norm_type", "layer_norm") == "rms_norm" else "layer_norm",
        joined_qkv=joined_qkv,
        qkv_bias=qkv_bias,
        qk_norm=qk_norm,
        final_norm=final_norm,
        merge=round(1 / config.get("downsample_ratio", 0.5)) ** 2,
        positions=(first(vision.get("image_size") or 448) // patch) ** 2 + 1,
        tile_patches=(side // patch) ** 2 + 1,
    )


def read_language_model(text: Config, *, tied: bool) -> TextShape:
    """The language model: Qwen2, Qwen3, InternLM2 or Llama.

    Raises:
        ValueError: If it is another one.
    """
    kind = str(text.get("model_type", ""))
    architectures = "".join(text.get("architectures") or ()).lower()
    if kind == "internlm2" or "internlm2" in architectures:
        return read_decoder(text, tied=tied, qkv_bias=bool(text.get("bias")), fused_qkv=True)
    if kind == "qwen2" or "qwen2" in architectures:
        return read_decoder(text, tied=tied, qkv_bias=True)
    if kind in {"qwen3", "qwen3_moe"}:
        return read_decoder(text, tied=tied, qkv_bias=False, qk_norm=True)
    if kind == "llama":
        return read_decoder(text, tied=tied, qkv_bias=bool(text.get("attention_bias")))
    raise ValueError(kind)


def first(value: Any) -> int:
    """A size that may be written as [height, width]."""
    return int(value[0] if isinstance(value, (list, tuple)) else value)
