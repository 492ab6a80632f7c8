"""Processes, devices and nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.plan.batch import divisors
from vlft.rules.base import Context, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

ZERO_PRESETS = ("zero0", "zero1", "zero2", "zero3", "zero2_offload", "zero3_offload")
"""Names that `--deepspeed` knows (swift/arguments/sft_args.py)."""


@rule(
    "launch.processes-gpus",
    "error",
    "swift/utils/env.py: is_mp",
    effect="aborts",
    says="n_gpu: 8, local_world_size: 3",
)
def processes_divide_gpus(context: Context) -> Iterator[Problem]:
    """The GPUs of a node divide evenly among its processes."""
    gpus, processes = context.world.gpus_per_node, context.world.nproc_per_node
    if gpus and processes and gpus % processes:
        yield Problem(
            _process_key(context),
            f"{gpus} GPUs do not divide among {processes} processes",
            "nproc_per_node that works: " + ", ".join(map(str, divisors(gpus))),
        )


@rule(
    "launch.deepspeed-gpus",
    "error",
    "swift/arguments/sft_args.py: _init_deepspeed",
    effect="aborts",
    says="DeepSpeed is not compatible with `device_map`",
)
def deepspeed_one_gpu_a_process(context: Context) -> Iterator[Problem]:
    """With DeepSpeed every process has one GPU."""
    gpus, processes = context.world.gpus_per_node, context.world.nproc_per_node
    if context.config.deepspeed and gpus and processes and gpus > processes:
        yield Problem(
            _process_key(context),
            f"{gpus} GPUs and {processes} processes: DeepSpeed wants one process a GPU",
            f"nproc_per_node: {gpus}, or {processes} GPUs in launch.gpus",
        )


@rule("launch.no-gpu", "error", "torch.cuda", effect="late")
def gpus_exist(context: Context) -> Iterator[Problem]:
    """The GPUs asked for are there."""
    visible = context.facts.visible_gpus
    gpus = context.config.launch.gpus
    if visible is None or gpus == "none":
        return
    if gpus == "auto" and not visible:
        yield Problem(
            ("launch", "gpus"),
            "no GPU is visible on this machine",
            "write `launch: {gpus: none}` to train on the CPU",
        )
    if isinstance(gpus, int) and gpus > len(visible):
        yield Problem(
            ("launch", "gpus"),
            f"{gpus} GPUs are asked for, {len(visible)} are visible",
            f"write {len(visible)}" if visible else "write `none` to train on the CPU",
        )
    if isinstance(gpus, list):
        missing = [gpu for gpu in gpus if isinstance(gpu, int) and gpu >= context.facts.gpu_count]
        if missing:
            yield Problem(
                ("launch", "gpus"),
                f"GPU {', '.join(map(str, missing))}: this machine has {context.facts.gpu_count}",
                "indices start at 0" if visible else "write `none` to train on the CPU",
            )


@rule("launch.gpus-distinct", "error", "CUDA: a repeated id ends the list", effect="late")
def gpus_are_distinct(context: Context) -> Iterator[Problem]:
    """A list of GPUs names each once, by an index from 0 or a UUID."""
    gpus = context.config.launch.gpus
    if not isinstance(gpus, list):
        return
    if not gpus:
        yield Problem(("launch", "gpus"), "the list of GPUs is empty", "write `none` for the CPU")
    for index, gpu in enumerate(gpus):
        if isinstance(gpu, int) and gpu < 0:
            yield Problem(("launch", "gpus", index), f"there is no GPU {gpu}", "indices start at 0")
        if gpu in gpus[:index]:
            yield Problem(("launch", "gpus", index), f"GPU {gpu} is named twice", "name it once")


@rule("launch.master-addr", "error", "torch.distributed.run: static rendezvous", effect="late")
def nodes_need_an_address(context: Context) -> Iterator[Problem]:
    """Several nodes know the address of the first, and it is not the loopback address."""
    launch, nnodes = context.config.launch, context.world.nnodes
    if nnodes == 1:
        return
    if launch.master_addr is None and context.facts.environ.get("MASTER_ADDR") is None:
        yield Problem(
            ("launch", "nnodes"),
            f"{nnodes} nodes, but no address of node 0",
            "write `launch.master_addr: HOST`",
        )
    if launch.master_port is None and context.facts.environ.get("MASTER_PORT") is None:
        yield Problem(
            ("launch", "nnodes"),
            f"{nnodes} nodes, but no port that all of them agree on",
            "write `launch.master_port: 29500`",
        )


@rule(
    "launch.deepspeed-name",
    "error",
    "swift/arguments/sft_args.py: JSONDecodeError",
    effect="aborts",
    says="JSONDecodeError",
)
def deepspeed_is_known(context: Context) -> Iterator[Problem]:
    """`deepspeed` is one of the presets or an existing JSON file."""
    name = context.config.deepspeed
    if name is None or name in ZERO_PRESETS or context.facts.deepspeed_file is not None:
        return
    if name.endswith(".json") or "/" in name:
        yield Problem(
            ("deepspeed",), f"there is no file `{name}`", "the path is relative to the config file"
        )
        return
    old = name.removeprefix("default-").replace("-", "_")
    hint = f"did you mean `{old}`?" if old in ZERO_PRESETS else None
    yield Problem(
        ("deepspeed",),
        f"`{name}` is no DeepSpeed preset",
        hint or "one of " + ", ".join(ZERO_PRESETS) + ", or a JSON file",
    )


@rule(
    "launch.deepspeed-installed",
    "error",
    "swift/arguments/sft_args.py: require_version",
    effect="aborts",
    says="deepspeed",
)
def deepspeed_is_installed(context: Context) -> Iterator[Problem]:
    """The interpreter that trains has deepspeed if the config asks for it."""
    interpreter = context.facts.interpreter
    if context.config.deepspeed and interpreter and "deepspeed" not in interpreter.packages:
        yield Problem(
            ("deepspeed",),
            f"deepspeed is not installed in {interpreter.python}",
            "pip install 'vlft[deepspeed]'",
        )


def _process_key(context: Context) -> tuple[str, ...]:
    if context.config.launch.nproc_per_node is not None:
        return ("launch", "nproc_per_node")
    return ("launch", "gpus")
