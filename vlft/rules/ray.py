"""Ray, as ms-swift uses it: its own actors are the processes, and nothing else starts any."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from vlft.plan.passed import flag
from vlft.rules.base import Context, Problem, rule
from vlft.rules.installed import not_installed
from vlft.rules.mappings import parsed
from vlft.rules.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_GROUPS = ("swift", "device_groups")
_DEVICES = ("GPU", "NPU")
# What is in `device_groups` beside groups (swift/ray_utils/resource_manager.py: possible_keys).
_NUMBERS = ("nproc_per_node", "nnodes")
_WORKER = "default"  # of sft, pt and rlhf (swift/pipelines/train/sft.py)
_RANGE = re.compile(r"(?:list\()?range\((?:(\d+), *)?(\d+)\)\)?")
_WRITE = "`device_groups: {nproc_per_node: 4, train: {device: GPU, ranks: 4, workers: [default]}}`"


def _groups(context: Context) -> Any:
    """`device_groups` as plain data; None if it is absent or can't be read."""
    value = context.config.swift.get("device_groups")
    return parsed(value) if isinstance(value, str) else value


@rule("ray.installed", "error", "swift/ray_utils/base.py: import ray", effect="late")
def ray_is_installed(context: Context) -> Iterator[Problem]:
    """`use_ray` needs the package."""
    interpreter = context.facts.interpreter
    if flag(context.config, "use_ray") and interpreter is not None and interpreter.swift_dir:
        yield from not_installed(context, "ray", ("swift", "use_ray"))


@rule("ray.unused", "warning", "swift/ray_utils/__init__.py: try_init_ray", effect="silent")
def groups_have_a_use(context: Context) -> Iterator[Problem]:
    """`device_groups` goes with `use_ray: true`."""
    given = context.config.swift.get("device_groups") is not None
    if given and not flag(context.config, "use_ray"):
        yield Problem(
            _GROUPS,
            "`device_groups` without `use_ray` does nothing",
            "write `use_ray: true` too, or leave it out",
            at_key=True,
        )


@rule("ray.groups", "error", "swift/ray_utils/resource_manager.py: ResourceManager", effect="late")
def groups_are_groups(context: Context) -> Iterator[Problem]:
    """Ray is told which devices there are, and one group of them trains."""
    if not flag(context.config, "use_ray"):
        return
    if context.config.swift.get("device_groups") is None:
        yield Problem(("swift", "use_ray"), "Ray is not told what to use", f"write {_WRITE}")
        return
    groups = _groups(context)
    if isinstance(groups, dict):
        yield from (Problem(_GROUPS, said, f"write {_WRITE}") for said in _wrong(groups))


def _wrong(groups: Mapping[str, Any]) -> Iterator[str]:
    """What ms-swift would stumble over, as clauses."""
    number = groups.get("nproc_per_node")
    if not re.fullmatch(r"[1-9]\d*", str(number)):
        told = "is missing" if number is None else f"is `{number}`"
        yield f"`device_groups.nproc_per_node`, the devices of a node, {told}"
    named = {name: group for name, group in groups.items() if name not in _NUMBERS}
    whole = {}
    for name, group in named.items():
        lacking = [key for key in ("device", "ranks", "workers") if key not in _mapping(group)]
        if lacking:
            yield f"the group `{name}` has no {' and no '.join(f'`{key}`' for key in lacking)}"
        else:
            whole[name] = group
    kinds = {str(group["device"]).upper() for group in whole.values()} - {"CPU"}
    for kind in sorted(kinds - set(_DEVICES)):
        yield f"there is no device `{kind}`: one of {', '.join(_DEVICES)}"
    if len(whole) == len(named) and len(kinds) != 1:
        yield "one kind of device is needed beside the CPU: " + (", ".join(sorted(kinds)) or "none")
    if len(whole) == len(named) and not any(_trains(group) for group in whole.values()):
        yield f"no group has the worker `{_WORKER}`, which trains"


@rule("ray.processes", "error", "swift/ray_utils/base.py: WORLD_SIZE", effect="silent")
def ray_counts_the_processes(context: Context) -> Iterator[Problem]:
    """The batch is reckoned for as many processes as Ray starts, from one `vlft train`."""
    if not flag(context.config, "use_ray"):
        return
    if context.world.nnodes > 1:
        yield Problem(
            ("launch", "nnodes"),
            f"Ray reaches all nodes from one: {context.world.nnodes} would start a training each",
            "leave it out, and count all ranks: launch.nproc_per_node",
        )
        return
    groups = _mapping(_groups(context)).values()
    ranks = [_count(group["ranks"]) for group in groups if _trains(group) and "ranks" in group]
    if len(ranks) == 1 and ranks[0] and context.world.nproc_per_node not in (None, ranks[0]):
        yield Problem(
            ("launch",),
            f"Ray starts {counted(ranks[0], 'process')}, and the batch is reckoned "
            f"for {context.world.nproc_per_node}",
            f"write `launch: {{nproc_per_node: {ranks[0]}}}`",
            at_key=True,
        )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _trains(group: Any) -> bool:
    workers = _mapping(group).get("workers")
    return isinstance(workers, list) and _WORKER in workers


def _count(ranks: Any) -> int | None:
    """How many ranks: a number, a list, or a range as text; None if it can't be told."""
    if isinstance(ranks, list):
        return len(ranks)
    text = str(ranks)
    if text.isdecimal():
        return int(text)
    match = _RANGE.fullmatch(text)
    return int(match[2]) - int(match[1] or 0) if match else None
