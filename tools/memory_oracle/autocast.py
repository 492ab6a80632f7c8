# ruff: noqa: TID253, N812  # run by the trainer's interpreter alone
"""CUDA's autocast and dropout for fake tensors that live on the CPU.

torch's autograd engine has no thread for a GPU that is not there, so the fake tensors are CPU
tensors. Three things then differ from a GPU, and are mended here: autocast on a CPU leaves
layer_norm, softmax, pow and rsqrt in bfloat16 (at::autocast, AT_FORALL_FP32: on CUDA they run in
float32), dropout keeps a mask of the input's type instead of one of bytes, and PEFT asks whether
autocast is on without naming a device, which means CUDA.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
import torch.nn.functional as F

aten = torch.ops.aten
_CPU = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastCPU)  # noqa: SLF001
_FLOAT32 = {
    "layer_norm": aten.layer_norm.default,
    "pow.Tensor_Scalar": aten.pow.Tensor_Scalar,
    "rsqrt": aten.rsqrt.default,
}


def like_cuda() -> torch.library.Library:
    """Install the mends; the caller keeps what is returned for as long as they are wanted."""
    library = torch.library.Library("aten", "IMPL")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a kernel of torch is replaced
        for name, operator in _FLOAT32.items():
            library.impl(name, _in_float32(operator), "AutocastCPU")
        library.impl("softmax.int", _softmax, "AutocastCPU")
    F.dropout = _dropout
    enabled = torch.is_autocast_enabled
    torch.is_autocast_enabled = lambda *_: enabled("cpu")
    return library


def _softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    with torch._C._ExcludeDispatchKeyGuard(_CPU):  # noqa: SLF001
        return aten.softmax.int(x, dim, dtype or torch.float32)


def _in_float32(operator: Any) -> Any:
    def run(*args: Any, **kwargs: Any) -> Any:
        with torch._C._ExcludeDispatchKeyGuard(_CPU):  # noqa: SLF001
            return operator(*(_wide(argument) for argument in args), **kwargs)

    return run


def _wide(value: Any) -> Any:
    if isinstance(value, torch.Tensor) and value.dtype in {torch.bfloat16, torch.float16}:
        return value.float()
    return value


def _dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:  # noqa: A002
    del inplace
    return torch.native_dropout(input, p, True)[0] if training and p > 0 else input
