"""Examples of the rules `launch.*`."""

from __future__ import annotations

from examples.base import Example

_NODES = ["launch.gpus=8", "launch.nnodes=2", "launch.master_port=29500"]

EXAMPLES = {
    "launch.processes-gpus": Example(
        ["launch.gpus=8", "launch.nproc_per_node=3"], ["launch.gpus=8", "launch.nproc_per_node=8"]
    ),
    "launch.deepspeed-gpus": Example(
        ["launch.gpus=8", "launch.nproc_per_node=4", "deepspeed=zero3"],
        ["launch.gpus=8", "deepspeed=zero3"],
    ),
    "launch.fsdp-gpus": Example(
        ["launch.gpus=8", "launch.nproc_per_node=4", "swift.fsdp=fsdp2"],
        ["launch.gpus=8", "swift.fsdp=fsdp2"],
    ),
    "launch.liger-gpus": Example(
        ["launch.gpus=2", "launch.nproc_per_node=1", "swift.use_liger_kernel=true"],
        ["launch.gpus=2"],
    ),
    "launch.model-split": Example(
        ["launch.gpus=4", "launch.nproc_per_node=2"],
        ["launch.gpus=4", "launch.nproc_per_node=2", "swift.device_map=auto"],
    ),
    "launch.no-gpu": Example(["launch.gpus=8"], ["launch.gpus=4"], hardware="4xA100-80G"),
    "launch.gpus-distinct": Example(["launch.gpus=[0, 0]"], ["launch.gpus=[0, 1]"]),
    "launch.master-addr": Example(
        ["launch.nnodes=2", "launch.master_port=29500"],
        ["launch.nnodes=2", "launch.master_port=29500", "launch.master_addr=node0"],
    ),
    "launch.loopback": Example(
        [*_NODES, "launch.master_addr=127.0.0.1"], [*_NODES, "launch.master_addr=10.0.0.1"]
    ),
    "launch.scheduler-address": Example(
        ["launch.engine=slurm", "launch.master_addr=node0"],
        ["launch.engine=slurm", "launch.nnodes=2"],
        environ={"PATH": "one-partition:/usr/bin:/bin"},
    ),
    "launch.ddp-backend": Example(
        ["swift.ddp_backend=gloo"], ["swift.ddp_backend=gloo", "launch.nproc_per_node=2"]
    ),
    "launch.deepspeed-name": Example(["deepspeed=default-zero3"], ["deepspeed=zero2"]),
    "launch.deepspeed-installed": Example(
        ["deepspeed=zero2", "launch.python=swift-only/bin/python"], ["deepspeed=zero2"]
    ),
}
