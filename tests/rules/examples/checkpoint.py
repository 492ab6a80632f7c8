"""Examples of the rules `checkpoint.*`."""

from __future__ import annotations

from examples.base import Example

PICKLED = "model.path=pickled"
CONSENT = "model.trust_remote_code=true"

EXAMPLES = {
    "checkpoint.no-weights": Example(
        ["model.path=config-only"], ["model.path=Qwen2-VL-2B-Instruct"]
    ),
    "checkpoint.no-tokenizer": Example(
        ["model.path=no-tokenizer"], ["model.path=Qwen2-VL-2B-Instruct"]
    ),
    "checkpoint.no-processor": Example(
        ["model.path=no-processor"], ["model.path=Qwen2-VL-2B-Instruct"]
    ),
    "checkpoint.weights-broken": Example(
        ["model.path=cut-short"], ["model.path=Qwen2-VL-2B-Instruct"]
    ),
    "checkpoint.pickle-refused": Example(
        [PICKLED, CONSENT, "launch.python=old/bin/python"], [PICKLED, CONSENT]
    ),
    "checkpoint.pickle": Example([PICKLED], [PICKLED, CONSENT]),
    "checkpoint.quantised-otherwise": Example(
        ["model.path=in-gptq", "quant.bits=4", "quant.method=bnb"],
        ["model.path=in-gptq"],
    ),
    "checkpoint.quantised-already": Example(
        ["model.path=in-4-bits", "quant.bits=4", "quant.method=bnb"], ["model.path=in-4-bits"]
    ),
    "checkpoint.quantised-full": Example(
        ["model.path=in-4-bits", "tuner=full"], ["model.path=in-4-bits", "tuner=lora"]
    ),
}
