"""Ray, as ms-swift uses it: its own actors are the processes, and nothing else starts any.

What ms-swift does with each of these was seen by running it: docs/ray.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.rules.base import Problem, ignored_key, not_installed, rule
from vlft.rules.ray_groups import devices_of_a_node, ranks_that_train, wrong_groups
from vlft.text import counted, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.resolve.run import RunSpec


_GROUPS = ("swift", "device_groups")
_WRITE = "`device_groups: {nproc_per_node: 4, train: {device: GPU, ranks: 4, workers: [default]}}`"
_VISIBLE = "CUDA_VISIBLE_DEVICES"


def _groups(run: RunSpec) -> dict[str, Any]:
    """`device_groups` as plain data; empty if it is absent or can't be read."""
    value = run.passed.get("device_groups")
    read = parse_json(value) if isinstance(value, str) else value
    return read if isinstance(read, dict) else {}


@rule("error", "late")
def installed(run: RunSpec) -> Iterator[Problem]:
    """`use_ray` needs the package.

    Source: swift/ray_utils/base.py: import ray
    """
    interpreter = run.facts.interpreter
    if run.uses_ray and interpreter is not None and interpreter.swift_dir:
        yield from not_installed(run, "ray", ("swift", "use_ray"))


@rule("warning", "silent")
def unused(run: RunSpec) -> Iterator[Problem]:
    """`use_ray` goes with `task: sft`, and `device_groups` with `use_ray: true`.

    Source: swift/cli/sft.py alone calls try_init_ray
    """
    task = run.config.task
    if task != "sft" and run.args.flag("use_ray"):
        because = f"`swift {task}` does not read it, and vlft starts the processes as without it"
        yield ignored_key(("swift", "use_ray"), because, "leave it out")
    if run.args.is_given("device_groups") and not run.args.flag("use_ray"):
        hint = "write `use_ray: true` too, or leave it out"
        yield ignored_key(_GROUPS, "it is read only with `use_ray`", hint)


@rule("error", "late")
def groups(run: RunSpec) -> Iterator[Problem]:
    """`device_groups` lists the devices, and one group of them trains.

    Source: swift/ray_utils/resource_manager.py: ResourceManager
    """
    if not run.uses_ray:
        return
    given = run.passed.get("device_groups")
    if given is None:
        yield Problem(("swift", "use_ray"), "Ray is not told what to use", f"write {_WRITE}")
        return
    read = parse_json(given) if isinstance(given, str) else given
    if isinstance(read, dict):
        yield from (Problem(_GROUPS, said, f"write {_WRITE}") for said in wrong_groups(read))
    elif read is not None:  # no JSON at all is what swift.mapping tells
        yield Problem(_GROUPS, f"`device_groups` is `{read}`, no mapping", f"write {_WRITE}")


@rule("error", "silent")
def processes(run: RunSpec) -> Iterator[Problem]:
    """The batch is computed for as many processes as Ray starts, from one `vlft train`.

    Source: swift/ray_utils/base.py: WORLD_SIZE
    """
    if not run.uses_ray:
        return
    if run.world.nnodes > 1:
        yield Problem(
            ("launch", "nnodes"),
            f"Ray reaches all nodes from one: {run.world.nnodes} would start a training each",
            "leave it out, and count all ranks: launch.nproc_per_node",
        )
        return
    ranks = ranks_that_train(_groups(run))
    if ranks and run.world.nproc_per_node not in (None, len(ranks)):
        yield Problem(
            ("launch",),
            f"Ray starts {counted(len(ranks), 'process')}, and the batch is reckoned "
            f"for {run.world.nproc_per_node}",
            f"write `launch: {{nproc_per_node: {len(ranks)}}}`",
            at_key=True,
        )


@rule("error", "silent")
def gpus(run: RunSpec) -> Iterator[Problem]:
    """Which GPUs train is said by `ranks`: the first of a node is 0, whatever vlft may see.

    Source: swift/ray_utils/base.py: VISIBLE_ENV_MAPPING
    """
    visible = run.world.visible_devices
    path = ("launch", "gpus")
    if run.config.launch.gpus == "auto":
        visible, path = run.facts.environ.get(_VISIBLE), ("swift", "use_ray")
    if not run.uses_ray or run.world.cpu or not visible:
        return
    named = [one.strip() for one in visible.split(",")]
    if sorted(named) != sorted(map(str, range(len(named)))):
        yield Problem(
            path,
            f"{_VISIBLE}={visible} has no say under Ray: ms-swift gives each worker the GPU with "
            "the number of its rank, from 0",
            "leave it out, and say which by `ranks`: [2, 3], of as many GPUs as the node has",
        )


@rule("warning", "late", says="list index out of range")
def devices(run: RunSpec) -> Iterator[Problem]:
    """This machine has the devices of a node, unless a cluster of Ray's is there.

    Source: swift/ray_utils/resource_manager.py: self.nodes
    """
    wanted, has = devices_of_a_node(_groups(run)), run.world.gpus_per_node
    address = run.config.env.get("RAY_ADDRESS") or run.facts.environ.get("RAY_ADDRESS")
    if not run.uses_ray or address not in {None, "", "local"}:
        return
    if wanted is None or has is None or wanted <= has:
        return
    yield Problem(
        _GROUPS,
        f"Ray looks for a node of {counted(wanted, 'GPU')}, and finds {has or 'none'} here",
        "with a cluster of Ray's, say where: `env: {RAY_ADDRESS: HOST:6379}`",
    )
