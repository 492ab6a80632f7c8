"""constraints/: the exact versions that scripts/setup installs, as scripts/lock writes them."""

from __future__ import annotations

import importlib.metadata
import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.doc_blocks import ROOT

VERSIONS = ("3.10", "3.11", "3.12")
BUILD = {"editables", "hatchling", "pip", "setuptools", "wheel"}


def requirements(version: str) -> list[Requirement]:
    """What vlft and its extras need under a Python version."""
    found = [Requirement(text) for text in importlib.metadata.requires("vlft") or ()]
    extras = importlib.metadata.metadata("vlft").get_all("Provides-Extra") or []
    environment = {"python_version": version, "python_full_version": f"{version}.9"}
    return [
        one
        for one in found
        if one.marker is None
        or any(one.marker.evaluate(environment | {"extra": extra}) for extra in extras)
    ]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_requirement_has_an_exact_version_that_it_allows(version: str) -> None:
    lines = (ROOT / "constraints" / f"py{version.replace('.', '')}.txt").read_text().splitlines()
    entries = [line for line in lines if not line.startswith("#")]
    # No local label, address or path, so that each package index serves them.
    assert [
        line for line in entries if not re.fullmatch(r"[a-z0-9-]+==[0-9][a-z0-9.]*", line)
    ] == []
    exact = dict(line.split("==") for line in entries)
    assert exact.keys() >= BUILD
    assert [
        str(one)
        for one in requirements(version)
        if not one.specifier.contains(exact.get(canonicalize_name(one.name), "0"))
    ] == []


def test_each_supported_python_has_a_file() -> None:
    files = {file.name for file in (ROOT / "constraints").iterdir()}
    assert files == {f"py{version.replace('.', '')}.txt" for version in VERSIONS}
    classifiers = importlib.metadata.metadata("vlft").get_all("Classifier") or []
    prefix = "Programming Language :: Python :: "
    supported = tuple(one.removeprefix(prefix) for one in classifiers if prefix in one)
    assert supported == VERSIONS
