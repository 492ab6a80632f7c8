"""Examples of the rules `model.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "model.not-found": Example(["model.path=nowhere"], ["model.path=Qwen2-VL-2B-Instruct"]),
    "model.is-adapter": Example(["model.path=adapter"], ["model.path=Qwen2-VL-2B-Instruct"]),
    "model.custom-code": Example(
        ["model.path=with-code"], ["model.path=with-code", "model.trust_remote_code=true"]
    ),
    "model.type-unknown": Example(["model.type=qwen2-vl-7b-instruct"], ["model.type=qwen2_vl"]),
    "model.type-family": Example(["model.type=qwen2"], ["model.type=qwen2_vl"]),
    "model.type-undecided": Example(
        ["model.path=unheard-of"],
        ["model.path=unheard-of", "model.type=qwen2_vl", "swift.template=qwen2_vl"],
    ),
    "model.num-labels": Example(
        ["swift.task_type=seq_cls"], ["swift.task_type=seq_cls", "swift.num_labels=2"]
    ),
    "model.rope-scaling": Example(
        ["swift.rope_scaling=yarn"], ["swift.rope_scaling={rope_type: yarn, factor: 2.0}"]
    ),
    "model.revision-local": Example(
        ["model.revision=main"],
        ["model.path=Qwen/Qwen2-VL-2B-Instruct", "model.revision=main"],
    ),
    "model.hub-local": Example(
        ["model.hub=modelscope"],
        ["model.path=Qwen/Qwen2-VL-2B-Instruct", "model.hub=modelscope"],
    ),
}
