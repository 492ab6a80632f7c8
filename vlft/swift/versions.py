"""Versions of packages and what is required of them (PEP 440, by `packaging`)."""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.version import InvalidVersion, Version

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(.*)", re.DOTALL)
_NONE = Version("0")


@lru_cache(maxsize=256)
def version_key(text: str) -> Version:
    """What versions are compared by, without a local label; 0 for what is not a version."""
    try:
        return Version(Version(text).public)
    except InvalidVersion:
        return _NONE


@lru_cache(maxsize=256)
def release(text: str) -> tuple[int, ...]:
    """`4.57.6.dev0` as (4, 57, 6); empty for what is not a version."""
    key = version_key(text)
    return () if key == _NONE else key.release


@lru_cache(maxsize=256)
def package_of(requirement: str) -> str:
    """The normalized name in `qwen_vl_utils>=0.0.6`: `qwen-vl-utils`."""
    match = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", match[1] if match else requirement).lower()


@lru_cache(maxsize=256)
def unmet(requirement: str, installed: str) -> str | None:
    """The first clause of a requirement (`>=4.57`) that a version does not meet."""
    match = _NAME.match(requirement)
    for part in match[2].split(",") if match else ():
        clause = part.strip()
        if clause and not _meets(clause, version_key(installed)):
            return clause
    return None


def _meets(clause: str, installed: Version) -> bool:
    """Whether a version meets a clause, as every one does what is no clause."""
    least = version_key(clause.removeprefix(">="))
    if clause.startswith(">=") and least != _NONE:  # the usual one is a plain comparison
        return installed >= least
    from packaging.specifiers import InvalidSpecifier, Specifier  # noqa: PLC0415 - seldom needed

    try:
        return Specifier(clause).contains(installed, prereleases=True)
    except InvalidSpecifier:
        return True
