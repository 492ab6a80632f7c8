"""Examples of the rules `deepspeed.*`; the files are written in deepspeed_files."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "deepspeed.cpu": Example(
        ["deepspeed=zero3", "launch.nproc_per_node=2"],
        ["deepspeed=zero3", "launch.gpus=2"],
    ),
    "deepspeed.json": Example(["deepspeed=ds-broken.json"], ["deepspeed=ds-auto.json"]),
    "deepspeed.no-zero": Example(["deepspeed=ds-no-zero.json"], ["deepspeed=ds-auto.json"]),
    "deepspeed.no-batch": Example(["deepspeed=ds-no-batch.json"], ["deepspeed=ds-auto.json"]),
    "deepspeed.no-effect": Example(
        ["swift.zero_hpz_partition_size=2", "launch.gpus=2"],
        ["swift.zero_hpz_partition_size=2", "launch.gpus=2", "deepspeed=zero3"],
    ),
    "deepspeed.numbers": Example(
        ["deepspeed=ds-numbers.json", "train.gradient_accumulation_steps=2"],
        ["deepspeed=ds-numbers.json", "train.gradient_accumulation_steps=4"],
    ),
    "deepspeed.device-map": Example(
        ["deepspeed=zero3", "swift.device_map=auto", "launch.gpus=2"],
        ["deepspeed=zero3", "launch.gpus=2"],
    ),
}
