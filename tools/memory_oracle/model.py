# ruff: noqa: TID253  # run by the trainer's interpreter alone
"""The real model with its adapters, on fake tensors, set up as ms-swift sets it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from tools.memory_oracle import attention, liger
from tools.memory_oracle.quantized import adapt, full_size, quantize

if TYPE_CHECKING:
    from collections.abc import Mapping

    Point = Mapping[str, Any]

_ATTENTION = {"flash": attention.FLASH, "sdpa": attention.SDPA, "eager": "eager"}
_ALIGNER = ("merger", "multi_modal_projector")
_VISION = ("visual", "vision_tower")


@dataclass(frozen=True)
class FakeModel:
    """A model ready for a step.

    Attributes:
        base: The transformers model, inside the PEFT one.
        trained: What is called: the PEFT model, or the same as `base`.
        parameters: Of base and adapters.
        trainable: Those of them that get gradients.
    """

    base: Any
    trained: Any
    parameters: tuple[Any, ...]
    trainable: tuple[Any, ...]

    @property
    def size(self) -> int:
        """Number of parameters, as many as before quantisation packed them."""
        packed = sum(full_size(module) for module in self.trained.modules())
        return packed + sum(parameter.numel() for parameter in self.parameters)

    @property
    def is_qwen(self) -> bool:
        """Qwen's towers take patches and a grid, InternVL's take tiles."""
        return hasattr(self.base.model, "visual")

    @property
    def tower(self) -> Any:
        """The vision tower."""
        return self.base.model.visual if self.is_qwen else self.base.model.vision_tower


def part_of(name: str) -> str:
    """Which of ms-swift's freeze flags a parameter or module falls under."""
    if any(word in name for word in _ALIGNER):
        return "aligner"
    return "vit" if any(word in name for word in _VISION) else "llm"


def skeleton(config: Mapping[str, Any], attn: str = "flash") -> Any:
    """The transformers model of a config.json on the meta device, in bfloat16."""
    from transformers import CONFIG_MAPPING, AutoModelForImageTextToText
    from transformers.initialization import no_init_weights

    values = dict(config)
    parsed = CONFIG_MAPPING[values.pop("model_type")](**values)
    parsed.get_text_config().use_cache = False
    with torch.device("meta"), no_init_weights():
        model = AutoModelForImageTextToText.from_config(
            parsed, dtype=torch.bfloat16, attn_implementation="eager"
        )
    model.tie_weights()
    for module in model.modules():
        inner: Any = getattr(module, "config", None)
        if hasattr(inner, "_attn_implementation_internal"):
            inner._attn_implementation_internal = _ATTENTION[attn]  # noqa: SLF001
    return model.train()


def prepare(point: Point, config: Mapping[str, Any], tracker: Any, fake: Any) -> FakeModel:
    """Adapters, frozen parts and checkpointing of a point; the weights become fake tensors."""
    base = skeleton(config, point.get("attn", "flash"))
    if point.get("liger"):
        liger.apply(base)
    trained = trained_model(base, point)
    with fake, tracker:
        _materialize(trained)
    parameters = tuple(trained.parameters())
    model = FakeModel(base, trained, parameters, tuple(p for p in parameters if p.requires_grad))
    set_checkpointing(model, point)
    return model


def trained_model(base: Any, point: Point) -> Any:
    """The model of a point that is called: quantised, with adapters, or with frozen parts."""
    frozen = {part for part in ("vit", "aligner", "llm") if point.get(f"freeze_{part}", False)}
    if point.get("quant_bits"):
        quantize(base, point["quant_bits"])
    if point["lora"]:
        return with_adapters(base, point, frozen)
    for name, parameter in base.named_parameters():
        parameter.requires_grad_(part_of(name) not in frozen)
    return base


def target_modules(model: Any, frozen: set[str]) -> list[str]:
    """The modules of `--target_modules all-linear` (swift/utils/transformers_utils.py)."""
    return [
        name
        for name, module in model.named_modules()
        if "linear" in type(module).__name__.lower()
        and "lm_head" not in name
        and part_of(name) not in frozen
    ]


def with_adapters(base: Any, point: Point, frozen: set[str]) -> Any:
    """The PEFT model of a point."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=point["rank"],
        lora_alpha=32,
        lora_dropout=point["dropout"],
        target_modules=target_modules(base, frozen),
        use_dora=point.get("dora", False),
    )
    dtype = point.get("lora_dtype")
    model = get_peft_model(base, config, autocast_adapter_dtype=dtype is None)
    for name, parameter in model.named_parameters():
        if dtype is not None and parameter.requires_grad and "magnitude" not in name:
            parameter.data = parameter.data.to(getattr(torch, dtype))
    if point.get("quant_bits"):
        adapt(model, point["quant_bits"])
    return model


def _materialize(model: Any) -> None:
    """Turn meta tensors into fake ones, shared ones once."""
    made: dict[int, tuple[Any, Any]] = {}
    for module in model.modules():
        for tensors in (module._parameters, module._buffers):  # noqa: SLF001
            for name, old in tensors.items():
                if old is None:
                    continue
                if id(old) not in made:
                    new = torch.empty(old.shape, dtype=old.dtype)
                    if isinstance(old, torch.nn.Parameter):
                        new = torch.nn.Parameter(new, requires_grad=old.requires_grad)
                    made[id(old)] = (new, old)
                tensors[name] = made[id(old)][0]


def set_checkpointing(model: FakeModel, point: Point) -> None:
    """As swift/trainers/mixin.py:_prepare_gradient_checkpointing leaves the model."""
    arguments = {"use_reentrant": point.get("reentrant", False), "preserve_rng_state": False}
    if point["ckpt"]:
        model.base.gradient_checkpointing_enable(arguments)
        model.base.enable_input_require_grads()
    if point["vit_ckpt"]:
        model.tower.gradient_checkpointing_enable(arguments)
        model.tower.enable_input_require_grads()
    else:
        model.tower.gradient_checkpointing_disable()
    if not any(parameter.requires_grad for parameter in model.tower.parameters()):
        # swift/model/patcher.py:patch_frozen_module
        model.tower.forward = torch.no_grad()(model.tower.forward)
