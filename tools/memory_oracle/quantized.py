# ruff: noqa: PLR2004, TID253  # run by the trainer's interpreter alone
"""bitsandbytes' linear layers by the memory they take."""

from __future__ import annotations

from types import MethodType
from typing import Any

import torch


def quantize(model: Any, bits: int) -> None:
    """Replace the language model's linear layers, as ms-swift has bitsandbytes do it.

    The head, the vision tower and the aligner stay as they are
    (swift/arguments/base_args/quant_args.py:get_modules_to_not_convert).
    """
    for module in list(model.model.language_model.modules()):
        for name, child in list(module.named_children()):
            if type(child) is torch.nn.Linear:
                setattr(module, name, QuantizedLinear(child, bits))


def full_size(module: Any) -> int:
    """What packing took from the number of elements of a layer's weight."""
    if not isinstance(module, QuantizedLinear):
        return 0
    return module.in_features * module.out_features - int(module.weight.numel())


def adapt(model: Any, bits: int) -> None:
    """Have PEFT's adapters compute as they do on bitsandbytes' layers."""
    from peft.tuners.lora import bnb

    adapter = bnb.Linear4bit if bits == 4 else bnb.Linear8bitLt
    for module in model.modules():
        if isinstance(getattr(module, "base_layer", None), QuantizedLinear):
            module.forward = MethodType(adapter.forward, module)


class QuantizedLinear(torch.nn.Linear):
    """4 bits: blocks of 64 with a scale of a byte, and a float32 to 256 scales; 8: int8 rows.

    The base class is what PEFT recognises; its weight is replaced by what bitsandbytes stores.
    """

    def __init__(self, linear: Any, bits: int) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=False, device="meta")
        self.bits = bits
        self.bias = linear.bias
        count = linear.in_features * linear.out_features
        packed = (count // 2, 1) if bits == 4 else (linear.out_features, linear.in_features)
        dtype = torch.uint8 if bits == 4 else torch.int8
        weight = torch.empty(packed, dtype=dtype, device="meta")
        self.weight = torch.nn.Parameter(weight, requires_grad=False)
        scales = {"absmax": (linear.out_features, torch.float32)}
        if bits == 4:
            scales = {
                "absmax": (count // 64, torch.uint8),
                "code": (16, torch.float32),
                "offset": (1, torch.float32),
                "nested_absmax": (-(-count // 64 // 256), torch.float32),
                "nested_code": (256, torch.float32),
            }
        for name, (size, kind) in scales.items():
            self.register_buffer(name, torch.empty(size, dtype=kind, device="meta"))

    def forward(self, input: Any) -> Any:  # noqa: A002
        """The input's type out, autocast's where that is on (bnb/nn/modules.py)."""
        if torch.is_autocast_enabled("cpu"):
            input = input.to(torch.get_autocast_dtype("cpu"))  # noqa: A001
        shape = (self.out_features, self.in_features)
        return _QuantizedMatmul.apply(input, self.weight, self.bias, shape)


class _QuantizedMatmul(torch.autograd.Function):
    """MatMul4Bit and MatMul8bitLt: the backward restores the whole weight to multiply by it."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, bias: Any, shape: tuple[int, int]) -> Any:
        """… × in_features to … × out_features."""
        del bias
        ctx.shape, ctx.dtype, ctx.eight = shape, x.dtype, weight.dtype == torch.int8
        ctx.weight = weight
        if ctx.eight:
            half = x.to(torch.float16)
            quantized = torch.empty(half.shape, dtype=torch.int8)
            del half
            sums = torch.empty(*x.shape[:-1], shape[0], dtype=torch.int32)
            # bitsandbytes keeps the input, and does not use it. It keeps it beside autograd; under
            # reentrant checkpointing (ms-swift's default but for DDP) that is the same as here.
            ctx.save_for_backward(x)
            del quantized
            output = torch.empty(sums.shape, dtype=torch.float16)
            del sums
            return output.to(x.dtype)
        return torch.empty(*x.shape[:-1], shape[0], dtype=x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """The gradient of the input."""
        gradient = gradients[0]
        weight = torch.empty(ctx.shape, dtype=ctx.dtype)
        return torch.matmul(gradient, weight), None, None, None
