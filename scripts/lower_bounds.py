"""Prints the lowest allowed version of each package of vlft's base install: scripts/test-lowest."""

from __future__ import annotations

import importlib.metadata

from packaging.requirements import Requirement


def lower_bounds(package: str) -> list[str]:
    """`name==version` for each requirement that belongs to no extra."""
    requirements = map(Requirement, importlib.metadata.requires(package) or ())
    return [
        f"{requirement.name}=={bound.version}"
        for requirement in requirements
        if requirement.marker is None
        for bound in requirement.specifier
        if bound.operator == ">="
    ]


if __name__ == "__main__":
    print("\n".join(lower_bounds("vlft")))
