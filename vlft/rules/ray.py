"""Ray, as ms-swift uses it: its own actors are the processes, and nothing else starts any.

What ms-swift does with each of these was seen by running it: docs/ray.md. Every clause on
`device_groups` was seen to fail there, and what has none to be taken:
tests/real_swift/test_ray.py.
"""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, Any, TypeAlias

from vlft.rules.base import Problem, Problems, RunSpec, not_installed, rule
from vlft.rules.swift import passed_mapping
from vlft.text import counted, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_GROUPS = ("swift", "device_groups")
_WRITE = "`device_groups: {nproc_per_node: 4, train: {device: GPU, ranks: 4, workers: [default]}}`"
_VISIBLE = "CUDA_VISIBLE_DEVICES"


@rule("error", "late")
def installed(run: RunSpec) -> Problems:
    """`use_ray` needs the package.

    Source: swift/ray_utils/base.py: import ray
    """
    interpreter = run.facts.interpreter
    if run.uses_ray and interpreter is not None and interpreter.swift_dir:
        yield from not_installed(run, "ray", ("swift", "use_ray"))


@rule("warning", "silent")
def unused(run: RunSpec) -> Problems:
    """`use_ray` goes with `task: sft`, and `device_groups` with `use_ray: true`.

    Source: swift/cli/sft.py alone calls try_init_ray
    """
    task = run.config.task
    if task != "sft" and run.args.flag("use_ray"):
        because = f"`swift {task}` does not read it, and vlft starts the processes as without it"
        yield Problem.ignored(("swift", "use_ray"), because, "leave it out")
    if run.args.is_given("device_groups") and not run.args.flag("use_ray"):
        hint = "write `use_ray: true` too, or leave it out"
        yield Problem.ignored(_GROUPS, "it is read only with `use_ray`", hint)


@rule("error", "late")
def groups(run: RunSpec) -> Problems:
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
def processes(run: RunSpec) -> Problems:
    """The batch is computed for as many processes as Ray starts, from one `vlft train`.

    Source: swift/ray_utils/base.py: WORLD_SIZE
    """
    if not run.uses_ray:
        return
    if run.world.nnodes > 1:
        message = f"Ray reaches all nodes from one: {run.world.nnodes} would start a training each"
        hint = "leave it out, and count all ranks: launch.nproc_per_node"
        yield Problem(("launch", "nnodes"), message, hint)
        return
    ranks = ranks_that_train(passed_mapping(run, "device_groups"))
    if ranks and run.world.nproc_per_node not in (None, len(ranks)):
        yield Problem(
            ("launch",),
            f"Ray starts {counted(len(ranks), 'process')}, and the batch is reckoned "
            f"for {run.world.nproc_per_node}",
            f"write `launch: {{nproc_per_node: {len(ranks)}}}`",
            at_key=True,
        )


@rule("error", "silent")
def gpus(run: RunSpec) -> Problems:
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
def devices(run: RunSpec) -> Problems:
    """This machine has the devices of a node, unless a cluster of Ray's is there.

    Source: swift/ray_utils/resource_manager.py: self.nodes
    """
    wanted, has = devices_of_a_node(passed_mapping(run, "device_groups")), run.world.gpus_per_node
    address = run.config.env.get("RAY_ADDRESS") or run.facts.environ.get("RAY_ADDRESS")
    if not run.uses_ray or address not in {None, "", "local"}:
        return
    if wanted is None or has is None or wanted <= has:
        return
    message = f"Ray looks for a node of {counted(wanted, 'GPU')}, and finds {has or 'none'} here"
    hint = "with a cluster of Ray's, say where: `env: {RAY_ADDRESS: HOST:6379}`"
    yield Problem(_GROUPS, message, hint)


# `device_groups` as ms-swift reads it (swift/ray_utils/resource_manager.py, base.py). -----------
WORKER = "default"
"""Who trains (swift/pipelines/train/sft.py)."""

# What is in `device_groups` beside groups (ResourceManager.possible_keys).
_NUMBERS = ("nproc_per_node", "nnodes")
_DEVICE = "GPU"
_OF_TEXT = {"list", "range"}  # what a text of ranks may call


Ranks: TypeAlias = tuple[int, ...] | str | None
"""Ranks of a group of devices: each one's place among all devices of all nodes; a clause that says
why ms-swift fails on them; None if only a run can tell."""


def wrong_groups(groups: Mapping[str, Any]) -> Iterator[str]:
    """What ms-swift stumbles over, as clauses."""
    yield from _wrong_numbers(groups)
    named = {name: group for name, group in groups.items() if name not in _NUMBERS}
    clauses = [clause for name, group in named.items() for clause in _wrong_group(name, group)]
    yield from clauses
    if clauses:
        return
    if all(group["device"] == "CPU" for group in named.values()):
        yield f"no group is of a {_DEVICE}"
    trains = next((name for name, group in named.items() if _has(group, WORKER)), None)
    if trains is None:
        yield f"no group has the worker `{WORKER}`, which trains"
    else:
        yield from _wrong_training(trains, named[trains])
    yield from _wrong_ranks(groups, named)


def ranks_that_train(groups: Mapping[str, Any]) -> tuple[int, ...] | None:
    """Ranks of the first group that trains; None if there is none or only a run can tell."""
    last = -1
    for name, group in groups.items():
        if name in _NUMBERS or not isinstance(group, dict) or group.get("device") == "CPU":
            continue
        ranks = _read_ranks(group.get("ranks"), last)
        if isinstance(ranks, str) or ranks is None:
            return None
        if _has(group, WORKER):
            return ranks
        last = ranks[-1]
    return None


def devices_of_a_node(groups: Mapping[str, Any]) -> int | None:
    """`nproc_per_node` as ms-swift takes it; None if it can't."""
    value = groups.get("nproc_per_node")
    return int(value) if isinstance(value, int | float) and int(value) > 0 else None


def _wrong_numbers(groups: Mapping[str, Any]) -> Iterator[str]:
    number = groups.get("nproc_per_node")
    if devices_of_a_node(groups) is None:
        told = "is missing" if number is None else f"is `{number}`"
        told += ", in quotes" if isinstance(number, str) and number.isdecimal() else ""
        yield f"`device_groups.nproc_per_node`, the devices of a node, {told}"
    if isinstance(groups.get("nnodes"), str):
        yield f"`device_groups.nnodes` is a text, `{groups['nnodes']}`; ms-swift reckons it itself"


def _wrong_group(name: str, group: Any) -> Iterator[str]:
    """What is wrong with one group by itself."""
    given = group if isinstance(group, dict) else {}
    lacking = [key for key in ("device", "ranks", "workers") if given.get(key) is None]
    if lacking:
        yield f"the group `{name}` has no {' and no '.join(f'`{key}`' for key in lacking)}"
        return
    device = given["device"]
    kind = device.upper() if isinstance(device, str) else device
    if kind == "CPU":
        if device != "CPU":
            yield f"the device of `{name}` is `{device}`: ms-swift knows it as `CPU`"
        elif not isinstance(given["ranks"], int):
            yield f"the ranks of `{name}`, on CPUs, are `{given['ranks']}`, not a number"
    elif kind != _DEVICE:
        # For an NPU too: base.py writes `num_gpus: 0.01` into each worker's options.
        yield f"the device of `{name}` is `{device}`: ms-swift asks Ray for a {_DEVICE} each time"


def _wrong_training(name: str, group: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the group that trains."""
    if group["device"] == "CPU":
        yield f"the group `{name}` trains, and is of CPUs: ms-swift trains on a {_DEVICE} only"
    if not all(isinstance(worker, str) for worker in group["workers"]):
        yield f"a worker of `{name}` is not a name"


def _wrong_ranks(groups: Mapping[str, Any], named: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with all ranks together."""
    every: list[int] = []
    for name, group in named.items():
        if group["device"] == "CPU":
            continue
        ranks = _read_ranks(group["ranks"], every[-1] if every else -1)
        if isinstance(ranks, str):
            yield f"the ranks of `{name}` are `{group['ranks']}`: {ranks}"
        if not isinstance(ranks, tuple):
            return
        every += ranks
    devices = devices_of_a_node(groups)
    if len(set(every)) < len(every):
        twice = next(rank for rank in every if every.count(rank) > 1)
        yield f"the rank {twice} is there twice"
    elif devices and every:
        nodes = math.ceil(len(every) / devices)
        beyond = [rank for rank in every if not 0 <= rank < nodes * devices]
        if beyond:
            yield (
                f"the rank {beyond[0]} is none of {nodes * devices}: ms-swift takes as few nodes "
                f"of {devices} as hold {len(every)}"
            )


def _read_ranks(value: Any, last: int) -> Ranks:
    """Ranks from a number (those after `last`), a list, or an expression as text."""
    if isinstance(value, list) and all(isinstance(rank, int) for rank in value):
        return _some(tuple(value))
    try:
        return _some(tuple(range(last + 1, last + 1 + int(value))))
    except (TypeError, ValueError, OverflowError):
        pass
    return _from_text(value) if isinstance(value, str) else "neither number nor list"


def _some(numbers: tuple[int, ...]) -> Ranks:
    return numbers or "none at all"


def _from_text(text: str) -> Ranks:
    """Of `range(0, 4)`, `list(range(4))` or `[0, 1]`; ms-swift evaluates any expression."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        return "not Python"
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - _OF_TEXT
    if names and not any(isinstance(node, ast.comprehension) for node in ast.walk(tree)):
        return f"ms-swift knows no `{min(names)}` there"
    if isinstance(tree, ast.Name):
        return "no list of numbers"
    try:
        numbers = _evaluated(tree)
    except (TypeError, ValueError):
        return None
    if not isinstance(numbers, tuple | list) or not all(isinstance(rank, int) for rank in numbers):
        return "no list of numbers"
    return _some(tuple(numbers))


def _evaluated(tree: ast.expr) -> object:
    match tree:
        case ast.Call(func=ast.Name(id="list"), args=[inner], keywords=[]):
            return _evaluated(inner)
        case ast.Call(func=ast.Name(id="range"), args=bounds, keywords=[]):
            return tuple(range(*map(ast.literal_eval, bounds)))
        case _:
            return ast.literal_eval(tree)


def _has(group: Any, worker: str) -> bool:
    workers = group.get("workers") if isinstance(group, dict) else None
    return isinstance(workers, list) and worker in workers
