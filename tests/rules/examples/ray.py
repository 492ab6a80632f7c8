"""Examples of the rules `ray.*`."""

from __future__ import annotations

from examples.base import Example

_ON = [
    "launch.python=rays/bin/python", "swift.use_ray=true", "launch.nproc_per_node=4",
    "env.RAY_ADDRESS=10.0.0.1:6379",
]  # fmt: skip
_GPUS = [*_ON, "launch.gpus=auto"]
_GROUPS = (
    "swift.device_groups={nproc_per_node: 4, train: {device: GPU, ranks: 4, workers: [default]}}"
)

EXAMPLES = {
    "ray.installed": Example(
        ["swift.use_ray=true", "launch.python=swift-only/bin/python", "launch.nproc_per_node=4",
         _GROUPS],
        [*_ON, _GROUPS],
    ),
    "ray.unused": Example([_GROUPS, "swift.use_ray=true", "task=pt"], [*_ON, _GROUPS]),
    "ray.groups": Example(
        [*_ON, "swift.device_groups={train: {device: TPU, ranks: 4, workers: [train]}}"],
        [*_ON, _GROUPS],
    ),
    "ray.processes": Example(
        [*_ON[:2], _ON[3], _GROUPS], [*_ON, _GROUPS]
    ),
    "ray.gpus": Example(
        [*_GPUS, "launch.gpus=[4, 5, 6, 7]", _GROUPS], [*_GPUS, "launch.gpus=[0, 1, 2, 3]", _GROUPS]
    ),
    "ray.devices": Example([*_ON[:3], _GROUPS], [*_ON, _GROUPS]),
}  # fmt: skip
