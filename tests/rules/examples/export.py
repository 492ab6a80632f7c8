"""Examples of the rules `export.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "export.bits": Example(
        ["export.quant_bits=8", "export.quant_method=awq"],
        ["export.quant_bits=4", "export.quant_method=awq"],
    ),
    "export.no-effect": Example(
        ["export.quant_bits=8", "export.quant_method=bnb", "export.rows=64"],
        ["export.quant_bits=8", "export.quant_method=gptq", "export.rows=64"],
    ),
    "export.not-mergeable": Example(
        ["export.quant_bits=8", "tuner=boft"], ["export.quant_bits=8", "tuner=adalora",
                                                "train.max_steps=4"]
    ),
}  # fmt: skip
