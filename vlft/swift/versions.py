"""Versions of packages and what is required of them: as much of PEP 440 as ms-swift uses."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VERSION = re.compile(r"\s*v?(\d+(?:\.\d+)*)[.\-_]?(dev|a|b|rc|c|alpha|beta|pre|preview)?")
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(.*)")
_CLAUSE = re.compile(r"(>=|<=|==|!=|>|<)\s*(.+)")

VersionKey = tuple[tuple[int, ...], bool]

_COMPARE: Mapping[str, Callable[[VersionKey, VersionKey], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}


def version_key(text: str) -> VersionKey:
    """What versions are compared by: `2.15.0+cpu` is (2, 15), and later than `2.15.0.dev1`."""
    match = _VERSION.match(text)
    if match is None:
        return (), False
    release = [int(part) for part in match[1].split(".")]
    while release and release[-1] == 0:
        release.pop()
    return tuple(release), match[2] is None


def package_of(requirement: str) -> str:
    """The normalised name in `qwen_vl_utils>=0.0.6`: `qwen-vl-utils`."""
    match = _REQUIREMENT.match(requirement)
    return re.sub(r"[-_.]+", "-", match[1] if match else requirement).lower()


def unmet(requirement: str, installed: str) -> str | None:
    """The first clause of a requirement (`>=4.57`) that a version does not meet."""
    match = _REQUIREMENT.match(requirement)
    for part in match[2].split(",") if match else ():
        clause = _CLAUSE.match(part.strip())
        if clause and not _COMPARE[clause[1]](version_key(installed), version_key(clause[2])):
            return clause[1] + clause[2]
    return None
