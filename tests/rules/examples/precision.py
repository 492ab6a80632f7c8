"""Examples of the rules `precision.*` and `quant.*`."""

from __future__ import annotations

from examples.base import Example

_GPU = "launch.gpus=1"
_PACKAGES = "launch.python=quantising/bin/python"
_NOTHING = "launch.python=swift-only/bin/python"

EXAMPLES = {
    "precision.two-types": Example(
        ["model.torch_dtype=float16", "swift.bf16=true", _GPU],
        ["model.torch_dtype=float16", "swift.bf16=true", "swift.fp16=false", _GPU],
    ),
    "precision.mixed-unsaid": Example(
        ["model.torch_dtype=float32", _GPU],
        ["model.torch_dtype=float32", "swift.fp16=false", "swift.bf16=true", _GPU],
    ),
    "precision.unscaled-gradients": Example(
        ["model.torch_dtype=float16", "tuner=full", _GPU],
        ["model.torch_dtype=float16", "tuner=lora", _GPU],
    ),
    "precision.tensor-float": Example(["swift.tf32=true"], ["swift.tf32=true", _GPU]),
    "precision.emulated": Example(
        ["launch.gpus=auto"], ["launch.gpus=auto", "model.torch_dtype=float16"], hardware="T4"
    ),
    "quant.bits": Example(
        ["quant={bits: 2, method: bnb}", _PACKAGES], ["quant={bits: 2, method: quanto}", _PACKAGES]
    ),
    "quant.package": Example(
        ["quant={bits: 4, method: hqq}", _NOTHING], ["quant={bits: 4, method: bnb}", _PACKAGES]
    ),
    "quant.package-late": Example(
        ["quant={bits: 4, method: quanto}", _NOTHING],
        ["quant={bits: 4, method: quanto}", _PACKAGES],
    ),
    "quant.full-tuner": Example(
        ["quant={bits: 4, method: bnb}", "tuner=full"], ["quant={bits: 4, method: bnb}"]
    ),
    "quant.eetq-cpu": Example(["quant={bits: 8, method: eetq}"], ["quant={bits: 8, method: bnb}"]),
}
