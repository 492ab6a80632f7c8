"""Environment variables that a run's trainer gets on top of the caller's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.engines.traits import traits_of

if TYPE_CHECKING:
    from vlft.probe.collect import Facts
    from vlft.resolve.run import RunSpec

# What makes a CPU run faster where the caller has said nothing. glibc gives large freed
# blocks back to the kernel and faults them in again at every step; logits over a whole
# vocabulary are such blocks, and a third of the time goes there. OpenMP's threads spin while
# they wait, which costs most of the speed as soon as anything else runs. Sizes in bytes.
CPU_DEFAULTS = {
    "MALLOC_TRIM_THRESHOLD_": str(4 * 1024**3),
    "MALLOC_MMAP_THRESHOLD_": str(4 * 1024**3),
    "MALLOC_TOP_PAD_": str(256 * 1024**2),
    "OMP_WAIT_POLICY": "PASSIVE",
}

# Variables of a launcher around vlft that would be taken for this run's own.
FOREIGN = (
    "RANK",
    "LOCAL_RANK",
    "WORLD_SIZE",
    "LOCAL_WORLD_SIZE",
    "LOCAL_SIZE",
    "NPROC_PER_NODE",
    "NNODES",
    "NODE_RANK",
    "MASTER_ADDR",
    "MASTER_PORT",
)


def environment(run: RunSpec) -> dict[str, str]:
    """What vlft sets for the trainer; the launcher's own variables come with the command."""
    facts, world = run.facts, run.world
    caller = facts.environ
    env = {name: variable.text for name, variable in run.config_variables.items()}
    env = {**run.added_variables, **env}
    if world.visible_devices is not None:
        env[_devices_variable(facts)] = world.visible_devices
    if world.cpu:
        env = {name: value for name, value in CPU_DEFAULTS.items() if name not in caller} | env
    cores = traits_of(run.config.launch.engine).cores_per_node(run.config)
    if cores is None and facts.hardware is not None:
        cores = facts.hardware.cores
    if cores and "OMP_NUM_THREADS" not in caller:
        threads = max(1, cores // (world.nproc_per_node or 1))
        env.setdefault("OMP_NUM_THREADS", str(threads))
    if "PYTHONUNBUFFERED" not in caller:
        env.setdefault("PYTHONUNBUFFERED", "1")  # the log says where it is, also in a crash
    return dict(sorted(env.items()))


def _devices_variable(facts: Facts) -> str:
    """The variable that says which devices a process sees: Ascend's own with torch_npu."""
    packages = facts.interpreter.packages if facts.interpreter else {}
    return "ASCEND_RT_VISIBLE_DEVICES" if "torch-npu" in packages else "CUDA_VISIBLE_DEVICES"
