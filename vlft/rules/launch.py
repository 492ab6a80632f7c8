"""Processes, devices and nodes."""

from __future__ import annotations

import ipaddress
import re

from vlft.engines import section_names, section_of
from vlft.engines.traits import traits_of
from vlft.probe.deepspeed import ZERO_PRESETS
from vlft.resolve.batch import divisors
from vlft.resolve.world import number_in
from vlft.rules.base import Problem, Problems, RuleFunction, RunSpec, not_installed, rule
from vlft.text import counted

_DEVICE = re.compile(r"\d+|(?:GPU|MIG)-[\w/-]+", re.ASCII)


@rule("error", "aborts", "hardware", says="n_gpu: 8, local_world_size: 3")
def processes_gpus(run: RunSpec) -> Problems:
    """The GPUs of a node divide evenly among its processes.

    Source: swift/utils/env.py: is_mp
    """
    gpus, processes = run.world.gpus_per_node, run.world.nproc_per_node
    if run.uses_ray:
        return
    if gpus and processes and gpus % processes and not _one_device_each(run):
        message = f"{counted(gpus, 'GPU')} can't be divided among {counted(processes, 'process')}"
        hint = "nproc_per_node that works: " + ", ".join(map(str, divisors(gpus)))
        yield Problem(_process_key(run), message, hint)


@rule("error", "aborts", "hardware", says="DeepSpeed is not compatible with `device_map`")
def deepspeed_gpus(run: RunSpec) -> Problems:
    """With DeepSpeed every process has one GPU.

    Source: swift/arguments/sft_args.py: _init_deepspeed
    """
    if run.sharding.deepspeed:
        yield from _one_gpu_a_process(run, "DeepSpeed")


@rule("error", "late", "hardware")
def no_gpu(run: RunSpec) -> Problems:
    """The GPUs asked for are there.

    Source: torch.cuda
    """
    visible = run.facts.visible_gpus
    gpus = run.config.launch.gpus
    if visible is None or gpus == "none" or run.installed("torch-npu"):  # Ascend's: not counted
        return
    if gpus == "auto" and not visible:
        hint = "write `launch: {gpus: none}` to train on the CPU"
        yield Problem(("launch", "gpus"), "no GPU is visible on this machine", hint)
    if isinstance(gpus, int) and gpus > len(visible):
        message = f"{gpus} GPUs are asked for, {len(visible)} are visible"
        hint = f"write {len(visible)}" if visible else "write `none` to train on the CPU"
        yield Problem(("launch", "gpus"), message, hint)
    if isinstance(gpus, list):
        missing = [gpu for gpu in gpus if isinstance(gpu, int) and gpu >= run.facts.gpu_count]
        if missing:
            message = f"GPU {', '.join(map(str, missing))}: this machine has {run.facts.gpu_count}"
            hint = "indices start at 0" if visible else "write `none` to train on the CPU"
            yield Problem(("launch", "gpus"), message, hint)


@rule("error", "late")
def gpus_distinct(run: RunSpec) -> Problems:
    """A list of GPUs names each once, by an index from 0 or a UUID.

    Source: CUDA: what it can't read ends the list
    """
    gpus = run.config.launch.gpus
    if not isinstance(gpus, list):
        return
    if not gpus:
        yield Problem(("launch", "gpus"), "the list of GPUs is empty", "write `none` for the CPU")
    for index, gpu in enumerate(gpus):
        if isinstance(gpu, int) and gpu < 0:
            yield Problem(("launch", "gpus", index), f"there is no GPU {gpu}", "indices start at 0")
        if isinstance(gpu, str) and not _DEVICE.fullmatch(gpu):
            message = f"`{gpu}` is neither an index nor a UUID: CUDA ends the list there"
            hint = "write an index from 0, or GPU-… as `nvidia-smi -L` shows it"
            yield Problem(("launch", "gpus", index), message, hint)
        if gpu in gpus[:index]:
            yield Problem(("launch", "gpus", index), f"`{gpu}` is named twice", "name it once")


@rule("error", "aborts", "hardware", says="FSDP2 is not compatible with `device_map`")
def fsdp_gpus(run: RunSpec) -> Problems:
    """With FSDP every process has one GPU.

    Source: swift/arguments/sft_args.py: _init_fsdp
    """
    if run.sharding.fsdp:
        yield from _one_gpu_a_process(run, "FSDP")


@rule("error", "aborts", "hardware", says="liger_kernel does not support device_map")
def liger_gpus(run: RunSpec) -> Problems:
    """With liger's kernels every process has one GPU.

    Source: swift/trainers/arguments.py: __post_init__
    """
    if not run.args.flag("use_liger_kernel"):
        return
    yield from _one_gpu_a_process(run, "liger")
    if run.uses_ray and (run.world.gpus_per_node or 0) > 1:
        yield Problem(
            ("swift", "use_liger_kernel"),
            f"Ray's driver sees {run.world.gpus_per_node} GPUs, and ms-swift takes that for a "
            "model split over them, which liger can't do",
            "leave out `use_ray`: vlft starts a process a GPU by itself",
            at_key=True,
        )


@rule("warning", "silent", "hardware")
def model_split(run: RunSpec) -> Problems:
    """Every process has one GPU, or `swift.device_map` says how the model is spread.

    Source: swift/model/utils.py: get_default_device_map
    """
    split, liger = _split(run), run.args.flag("use_liger_kernel")
    asked = run.sharding.is_sharded or liger or run.args.given_texts("device_map")
    if split and not asked:
        gpus, processes = split
        yield Problem(
            _process_key(run),
            f"{gpus} GPUs, {counted(processes, 'process')}: each process splits the model over "
            f"{gpus // processes} GPUs, of which one works at a time",
            f"nproc_per_node: {gpus} for {gpus} copies; "
            "`swift: {device_map: auto}` if the model needs several GPUs",
        )


def _one_gpu_a_process(run: RunSpec, what: str) -> Problems:
    split = _split(run)
    if split:
        gpus, processes = split
        message = f"{gpus} GPUs and {counted(processes, 'process')}: {what} wants one process a GPU"
        hint = f"nproc_per_node: {gpus}, or {counted(processes, 'GPU')} in launch.gpus"
        yield Problem(_process_key(run), message, hint)


def _split(run: RunSpec) -> tuple[int, int] | None:
    """GPUs and processes of a node, where a process has several GPUs; else None."""
    gpus, processes = run.world.gpus_per_node, run.world.nproc_per_node
    if run.uses_ray:  # whose workers have one each
        return None
    if not gpus or not processes or gpus <= processes or _one_device_each(run):
        return None
    return gpus, processes


def _one_device_each(run: RunSpec) -> bool:
    """ms-swift's own way of giving each process a GPU (swift/cli/utils.py)."""
    name = "SWIFT_SINGLE_DEVICE_MODE"
    return str(run.config.env.get(name, run.facts.environ.get(name))) == "1"


def _process_key(run: RunSpec) -> tuple[str, ...]:
    return ("launch", "gpus" if run.config.launch.nproc_per_node is None else "nproc_per_node")


@rule("error", "late", "hardware")
def master_addr(run: RunSpec) -> Problems:
    """Several nodes know the address of the first and the port there.

    Source: torch.distributed.run: static rendezvous
    """
    launch, nnodes = run.config.launch, run.world.nnodes
    if nnodes == 1 or traits_of(launch.engine).places_processes:
        return
    if launch.master_addr is None and run.facts.environ.get("MASTER_ADDR") is None:
        hint = "write `launch.master_addr: HOST`"
        yield Problem(("launch", "nnodes"), f"{nnodes} nodes, but no address of node 0", hint)
    if launch.master_port is None and number_in(run.facts.environ, "MASTER_PORT") is None:
        message = f"{nnodes} nodes, but no port that all of them agree on"
        yield Problem(("launch", "nnodes"), message, "write `launch.master_port: 29500`")


@rule("error", "late", "hardware")
def loopback(run: RunSpec) -> Problems:
    """The address of node 0 means that node on every node; only CPU runs may share a machine.

    Source: torch.distributed.run: every node waits for itself
    """
    written = run.config.launch.master_addr
    address = written or run.facts.environ.get("MASTER_ADDR")
    one_place = run.world.nnodes == 1 or run.world.cpu
    placed = traits_of(run.config.launch.engine).places_processes
    if one_place or placed or not address or not _is_loopback(address):
        return
    message = f"{run.world.nnodes} nodes would each look for node 0 at `{address}`, on themselves"
    hint = "write the address that the other nodes reach node 0 at (`hostname -I` on node 0)"
    yield Problem(("launch", "master_addr" if written else "nnodes"), message, hint)


@rule("error", "silent")
def scheduler_address(run: RunSpec) -> Problems:
    """`launch.master_addr` is for nodes that no scheduler starts.

    Source: vlft: a job finds its own node 0
    """
    launch = run.config.launch
    for key in traits_of(launch.engine).unread_keys:
        if getattr(launch, key) is not None:
            because = f"with `engine: {launch.engine}` the job finds node 0 itself"
            yield Problem.ignored(("launch", key), because, "leave it out")


@rule("error", "aborts", "hardware", says="Default process group has not been initialized")
def ddp_backend(run: RunSpec) -> Problems:
    """`ddp_backend` fits the devices, and torchrun starts the processes that it connects.

    Source: transformers/training_args.py: PartialState
    """
    backend = run.args.given("ddp_backend", str)
    if backend is None or run.world.world_size is None:
        return
    if not run.uses_torchrun:
        what = "Ray, whose driver" if run.uses_ray else "a single process, which"
        message = f"`ddp_backend: {backend}` with {what} joins no group"
        yield Problem(("swift", "ddp_backend"), message, "leave it out", at_key=True)
    elif run.world.cpu and backend not in {"gloo", "mpi"}:  # mpi: if torch was built with it
        message = f"`{backend}` does not connect processes on the CPU, where this run is"
        yield Problem(("swift", "ddp_backend"), message, "write gloo")


def _is_loopback(address: str) -> bool:
    if address.lower() in {"localhost", "localhost.localdomain", "ip6-localhost"}:
        return True
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


@rule("error", "aborts", says="JSONDecodeError")
def deepspeed_name(run: RunSpec) -> Problems:
    """`deepspeed` is one of the presets or an existing JSON file.

    Source: swift/arguments/sft_args.py: JSONDecodeError
    """
    name = run.sharding.deepspeed
    if name is None or name in ZERO_PRESETS or run.sharding.file is not None:
        return
    if name.endswith(".json") or "/" in name:
        hint = "the path is relative to the config file"
        yield Problem(("deepspeed",), f"there is no file `{name}`", hint)
        return
    old = name.removeprefix("default-").replace("-", "_")
    presets = f"one of {', '.join(ZERO_PRESETS)}, or a JSON file"
    hint = f"did you mean `{old}`?" if old in ZERO_PRESETS else presets
    yield Problem.unknown(("deepspeed",), "DeepSpeed preset", name, ZERO_PRESETS, hint)


@rule("error", "aborts", says="deepspeed")
def deepspeed_installed(run: RunSpec) -> Problems:
    """The interpreter that trains has deepspeed if the config asks for it.

    Source: swift/arguments/sft_args.py: require_version
    """
    if run.sharding.deepspeed:
        yield from not_installed(run, "deepspeed", ("deepspeed",))


def _section_rule(name: str) -> RuleFunction:
    """The rule of one engine's section; it loads nothing of an engine that is not named."""

    def section_has_its_engine(run: RunSpec) -> Problems:
        engine = run.config.launch.engine
        section = getattr(run.config, name, None)
        if section is not None and engine != name:
            message = f"`{name}` with `engine: {engine}` does nothing"
            hint = f"write `launch: {{engine: {name}}}`, or leave the section out"
            yield Problem((name,), message, hint, at_key=True)
        if section is None and engine == name and (needed := _required(name)):
            example = ", ".join(f"{key}: {value}" for key, value in needed.items())
            hint = f"write `{name}: {{{example}}}`"
            yield Problem(("launch", "engine"), f"`engine: {name}` needs a section `{name}`", hint)

    section_has_its_engine.__doc__ = (
        f"A section `{name}` goes with `launch.engine: {name}`.\n\n"
        "Source: vlft: a section of an engine"
    )
    return section_has_its_engine


def _required(name: str) -> dict[str, object]:
    """Keys of an engine's section that have no default, each with an example."""
    fields = section_of(name).model_fields.items()
    return {
        key: field.examples[0] if field.examples else "…"
        for key, field in fields
        if field.is_required()
    }


for _name in section_names():
    rule("error", "silent", rule_id=f"{_name}.section")(_section_rule(_name))


@rule("warning", "silent", rule_id="slurm.gpu-list")
def scheduler_chooses_gpus(run: RunSpec) -> Problems:
    """A scheduler gets the number of GPUs, not a list of them.

    Source: Slurm sets CUDA_VISIBLE_DEVICES
    """
    launch = run.config.launch
    if traits_of(launch.engine).places_processes and isinstance(launch.gpus, list):
        yield Problem(
            ("launch", "gpus"),
            f"the scheduler chooses the GPUs: of the list only its length, {len(launch.gpus)}, "
            "counts",
            f"write `gpus: {len(launch.gpus)}`",
        )
