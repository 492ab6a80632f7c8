"""Examples of the rules `launch.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "launch.processes-gpus": Example(
        ["launch.gpus=8", "launch.nproc_per_node=3"], ["launch.gpus=8", "launch.nproc_per_node=4"]
    ),
    "launch.deepspeed-gpus": Example(
        ["launch.gpus=8", "launch.nproc_per_node=4", "deepspeed=zero3"],
        ["launch.gpus=8", "deepspeed=zero3"],
    ),
    "launch.no-gpu": Example(["launch.gpus=8"], ["launch.gpus=4"], hardware="4xA100-80G"),
    "launch.gpus-distinct": Example(["launch.gpus=[0, 0]"], ["launch.gpus=[0, 1]"]),
    "launch.master-addr": Example(
        ["launch.nnodes=2", "launch.master_port=29500"],
        ["launch.nnodes=2", "launch.master_port=29500", "launch.master_addr=node0"],
    ),
    "launch.deepspeed-name": Example(["deepspeed=default-zero3"], ["deepspeed=zero3"]),
    "launch.deepspeed-installed": Example(
        ["deepspeed=zero2", "launch.python=swift-only/bin/python"], ["deepspeed=zero2"]
    ),
}
