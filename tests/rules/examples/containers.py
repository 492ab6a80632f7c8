"""Examples of the rules `slurm.container-*` that are about pyxis."""

from __future__ import annotations

from examples.base import Example

_ENVIRON = {"PATH": "one-partition:/usr/bin:/bin"}


def _example(fails: str, passes: str) -> Example:
    start = ["launch.engine=slurm", "launch.gpus=2"]
    return Example(
        [*start, f"slurm.container={{image: a, {fails}}}"],
        [*start, f"slurm.container={{image: a, {passes}}}"],
        environ=_ENVIRON,
    )


EXAMPLES = {
    "slurm.container-mounts": _example("mounts: ['/d:/d:ro,rw']", "mounts: ['/d:/d:ro+rprivate']"),
    "slurm.container-flags": _example(
        "flags: [--container-image=b]", "flags: [--no-container-mount-home]"
    ),
}
