"""Gives an environment the packages of another one, by links: see scripts/test-swift-3.12."""

from __future__ import annotations

import sys
from pathlib import Path


def main(source: Path, target: Path) -> None:
    """Links what the target does not have; a package of another version stays out.

    Args:
        source: An environment's folder.
        target: The one that takes what it lacks.
    """
    (there,) = source.glob("lib/python3.*/site-packages")
    (here,) = target.glob("lib/python3.*/site-packages")
    own = {_package(one) for one in here.glob("*.dist-info")}
    for entry in there.iterdir():
        another_version = entry.suffix == ".dist-info" and _package(entry) in own
        if not another_version and not (here / entry.name).exists():
            (here / entry.name).symlink_to(entry.resolve())


def _package(info: Path) -> str:
    return info.name.partition("-")[0].lower()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
