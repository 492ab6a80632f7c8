"""Which `device_groups` the real ms-swift takes: run by the interpreter that has Ray.

Reads a JSON list of them from stdin; writes a list of what each comes to: the environments of
its workers, or the error as text. The workers themselves are not made: their options are.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import ray
from ray._raylet import PlacementGroupID
from ray.util.placement_group import PlacementGroup, placement_group_table
from swift.ray_utils.base import RayHelper
from swift.ray_utils.resource_manager import ResourceManager

TOLD = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "CUDA_VISIBLE_DEVICES", "RAY_SWIFT_GROUP")


class Recorded:
    """In place of a remote class: says with which environment a worker would start."""

    def __init__(self, env: dict[str, str] | None = None) -> None:
        self.env = env or {}

    def options(self, **options: Any) -> Recorded:
        return Recorded(options["runtime_env"]["env_vars"])

    def remote(self) -> dict[str, str]:
        return {name: self.env[name] for name in TOLD}


class Told:
    """A real worker."""

    def told(self) -> dict[str, str]:
        return {name: os.environ[name] for name in TOLD}


def workers_of(groups: Any, *, real: bool = False) -> list[dict[str, str]]:
    RayHelper.worker_instance = {}
    RayHelper.worker_cls = {"default": ray.remote(Told) if real else Recorded()}
    RayHelper.device_groups = groups
    try:
        RayHelper.resource_manager = ResourceManager(groups)
        RayHelper._create_workers(["default"])
        made = RayHelper.worker_instance["default"]
        return ray.get([worker.told.remote() for worker in made]) if real else made
    finally:
        for name, group in placement_group_table().items():
            if group["state"] != "REMOVED":
                made_id = PlacementGroupID(bytes.fromhex(name))
                ray.util.remove_placement_group(PlacementGroup(made_id))


def main() -> None:
    ray.init()
    said: list[Any] = []
    for asked in json.load(sys.stdin):
        try:
            said.append(workers_of(asked["groups"], real=asked["real"]))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
            said.append(f"{type(error).__name__}: {error}")
    print(json.dumps(said))


main()
