"""Examples of the rules `parallel.*`."""

from __future__ import annotations

from examples.base import Example

_FSDP = ["launch.gpus=2", "swift.fsdp=fsdp2"]

EXAMPLES = {
    "parallel.fsdp-name": Example(["launch.gpus=2", "swift.fsdp=full_shard"], _FSDP),
    "parallel.fsdp-deepspeed": Example([*_FSDP, "deepspeed=zero2"], _FSDP),
    "parallel.fsdp-weights-only": Example([*_FSDP, "swift.save_only_model=true"], _FSDP),
    "parallel.sequence-heads": Example(
        [
            "model.path=two-heads/Qwen2-VL-2B-Instruct",
            "launch.gpus=4",
            "launch.sequence_parallel_size=4",
            "train.global_batch_size=16",
        ],
        [
            "model.path=two-heads/Qwen2-VL-2B-Instruct",
            "launch.gpus=4",
            "launch.sequence_parallel_size=2",
            "train.global_batch_size=16",
        ],
    ),
}
