"""Examples of the rules `ray.*`."""

from __future__ import annotations

from examples.base import Example

_ON = ["launch.python=rays/bin/python", "swift.use_ray=true", "launch.nproc_per_node=4"]
_GROUPS = (
    "swift.device_groups={nproc_per_node: 4, train: {device: GPU, ranks: 4, workers: [default]}}"
)

EXAMPLES = {
    "ray.installed": Example(
        ["swift.use_ray=true", "launch.python=swift-only/bin/python", "launch.nproc_per_node=4",
         _GROUPS],
        [*_ON, _GROUPS],
    ),
    "ray.unused": Example([_GROUPS], [*_ON, _GROUPS]),
    "ray.groups": Example(
        [*_ON, "swift.device_groups={train: {device: TPU, ranks: 4, workers: [train]}}"],
        [*_ON, _GROUPS],
    ),
    "ray.processes": Example(
        ["launch.python=rays/bin/python", "swift.use_ray=true", _GROUPS], [*_ON, _GROUPS]
    ),
}  # fmt: skip
