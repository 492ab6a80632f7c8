"""For every rule an override that breaks it and one that keeps it.

Each pair starts from the same config, which is right: a Qwen2-VL folder, two rows, the CPU.
Overrides are `--set` values; paths start from the test's folder.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """Overrides, and the machine that they are judged for."""

    fails: list[str]
    passes: list[str]
    hardware: str = "none"
    environ: dict[str, str] = field(default_factory=dict)


EXAMPLES: dict[str, Example] = {
    "batch.global-mismatch": Example(
        ["train.global_batch_size=8", "train.per_device_train_batch_size=3"],
        ["train.global_batch_size=8", "train.per_device_train_batch_size=4"],
    ),
    "data.not-found": Example(["data.train=[nowhere.jsonl]"], ["data.train=[train.jsonl#1]"]),
    "data.empty": Example(["data.train=[empty.jsonl]"], ["data.train=[train.jsonl]"]),
    "env.owned": Example(["env.MAX_PIXELS=100"], ["env.NCCL_DEBUG=INFO"]),
    "env.value": Example(["env.A=[1, 2]"], ["env.A=1"]),
    "env.differs": Example(["pixels.max=20"], ["pixels.max=10"], environ={"MAX_PIXELS": "10"}),
    "env.inherited": Example(
        ["pixels.min=3136"], ["pixels.max=200704"], environ={"MAX_PIXELS": "200704"}
    ),
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
    "model.not-found": Example(["model.path=nowhere"], ["model.path=Qwen2-VL-2B-Instruct"]),
    "model.is-adapter": Example(["model.path=adapter"], ["model.path=Qwen2-VL-2B-Instruct"]),
    "model.custom-code": Example(
        ["model.path=with-code"], ["model.path=with-code", "model.trust_remote_code=true"]
    ),
    "model.type-unknown": Example(["model.type=qwen2-vl-7b-instruct"], ["model.type=qwen2_vl"]),
    "pixels.no-effect": Example(["pixels.tiles=6"], ["pixels.max=256*28*28"]),
    "pixels.min-max": Example(["pixels.min=200", "pixels.max=100"], ["pixels.min=100"]),
    "pixels.no-video-reader": Example(
        ["pixels.video.fps=1", "launch.python=swift-only/bin/python"], ["pixels.video.fps=1"]
    ),
    "pixels.two-limits": Example(
        ["pixels.max=200704", "swift.max_pixels=200704"], ["swift.max_pixels=200704"]
    ),
    "swift.interpreter": Example(["launch.python=nowhere"], []),
    "swift.owned": Example(["swift.learning_rate=1e-4"], ["train.learning_rate=1e-4"]),
    "swift.secret-logged": Example(["swift.swanlab_secret=x"], ["swift.report_to=[none]"]),
    "swift.secret-visible": Example(["swift.swanlab_token=x"], ["env.SWANLAB_API_KEY=x"]),
    "swift.unknown-argument": Example(["swift.max_len=100"], ["swift.warmup_ratio=0.1"]),
    "swift.value": Example(["swift.logging_steps=often"], ["swift.logging_steps=5"]),
    "tuner.lora-with-full": Example(["tuner=full", "lora.rank=8"], ["tuner=full"]),
}
