"""Containers of Slurm jobs, by the grammar that the pyxis plugin reads (pyxis: args.c)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vlft.facts.dataset import absolute
from vlft.rules.base import Context, Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.config.schedulers import Container

# SOURCE[:TARGET[:FLAG+FLAG]]: commas part mounts, and enroot parts the fields by blanks.
_PATH = r"[./][^:,\s]*"
_MOUNT = re.compile(rf"(?:{_PATH}|tmpfs|umount)(?::{_PATH}(?::[^:,\s]*)?)?")
_PARTING = re.compile(r"[:,\s]")
_FLAG = re.compile(r"--[a-z][a-z-]*(?:=.*)?", re.DOTALL)
_OWNED = {
    "--container-image": "slurm.container.image",
    "--container-mounts": "slurm.container.mounts",
}


def _container(context: Context) -> Container | None:
    slurm = context.config.slurm if context.config.launch.engine == "slurm" else None
    return slurm.container if slurm is not None else None


@rule("slurm.container-mounts", "error", "pyxis: --container-mounts", effect="late")
def mounts_can_be_read(context: Context) -> Iterator[Problem]:
    """A mount is SOURCE:TARGET or SOURCE:TARGET:FLAG+FLAG, and so is that of the run's folder."""
    container = _container(context)
    if container is None:
        return
    for index, mount in enumerate(container.mounts):
        bare = mount.partition(":")[0] in ("tmpfs", "umount") and ":" not in mount
        if bare or not _MOUNT.fullmatch(mount):
            yield Problem(
                ("slurm", "container", "mounts", index),
                f"`{mount}` is no mount",
                "write `/data:/data` or `/data:/data:ro+rprivate`: paths begin with `/` or `.`, "
                "and hold no comma, colon or blank",
            )
    base = context.loaded.source.base_dir(("output_dir",))
    folder = str(absolute(context.config.output_dir, base))
    if _PARTING.search(folder):
        yield Problem(
            ("output_dir",),
            f"the run's folder can't be mounted: {folder}",
            "choose a folder without commas, colons and blanks in its path",
        )


@rule("slurm.container-flags", "error", "pyxis: specified multiple times", effect="late")
def flags_are_options(context: Context) -> Iterator[Problem]:
    """`slurm.container.flags` are options of srun that no key owns, each in one word."""
    container = _container(context)
    for index, given in enumerate(container.flags if container is not None else ()):
        path = ("slurm", "container", "flags", index)
        name = given.partition("=")[0]
        if not _FLAG.fullmatch(given):
            yield Problem(path, f"`{given}` is no option", "write `--name` or `--name=value`")
        elif name in _OWNED:
            owner = _OWNED[name]
            yield Problem(path, f"`{name}` is decided by `{owner}`", f"write `{owner}`")
