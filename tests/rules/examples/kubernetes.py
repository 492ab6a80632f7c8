"""Examples of the rules `kubernetes.*`."""

from __future__ import annotations

from examples.base import Example

_ON = ["launch.engine=kubernetes", "kubernetes={image: a, volumes: [{mount: /, claim: disk}]}"]


def _example(fails: list[str], passes: list[str]) -> Example:
    return Example([*_ON, *fails], [*_ON, *passes])


EXAMPLES = {
    "kubernetes.section": Example([_ON[0]], _ON),
    "kubernetes.gpus": _example(["launch.gpus=auto"], ["launch.gpus=2"]),
    "kubernetes.python": _example(["launch.python=python3"], []),
    "kubernetes.name": _example(["kubernetes.namespace=My_Team"], ["kubernetes.namespace=my-team"]),
    "kubernetes.quantity": _example(
        ["kubernetes.resources={memory: 64 GB}"], ["kubernetes.resources={memory: 64Gi, cpu: 8}"]
    ),
    "kubernetes.volumes": _example(
        ["kubernetes.volumes=[{mount: /}]"], ["kubernetes.volumes=[{mount: /, host_path: /mnt}]"]
    ),
    "kubernetes.unmounted": _example(["kubernetes.volumes=[{mount: /nowhere, claim: disk}]"], []),
    "kubernetes.secret": _example(
        ["env.HF_TOKEN=x"], ["kubernetes.secrets={HF_TOKEN: hugging-face/token}"]
    ),
}
