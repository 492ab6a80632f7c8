"""Resolves all extras of vlft to exact versions, with the pip of this interpreter: scripts/lock."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.utils import canonicalize_name

EXTRAS = ("train", "data", "deepspeed", "quantize", "demo", "dev")
# What installs and builds vlft (hatchling is in the dev extra), and packages without a wheel.
BUILD = ("pip", "editables", "setuptools", "wheel")
HEADER = "# Written by scripts/lock for Python {}.{}. Don't edit.\n"


def main(file: Path, released: list[str]) -> None:
    """Writes one file of constraints.

    Args:
        file: The constraints, kept where they are there already.
        released: Packages that may change; `--newest` for all.
    """
    old = read_constraints(file) if file.exists() and "--newest" not in released else {}
    free = {canonicalize_name(name) for name in released if name != "--newest"}
    if unknown := free - old.keys():
        print(f"lock: {file} has no {', '.join(sorted(unknown))}", file=sys.stderr)
    kept = {name: version for name, version in old.items() if name not in free}
    new = resolve(kept)
    file.write_text(HEADER.format(*sys.version_info) + as_lines(new))
    changed = sorted(name for name in {**old, **new} if old.get(name) != new.get(name))
    print(f"lock: {file}: {len(new)} packages, {len(changed)} changed")
    for name in changed if old else ():
        print(f"    {name} {old.get(name, '(new)')} -> {new.get(name, '(removed)')}")


def read_constraints(file: Path) -> dict[str, str]:
    """The version of each package."""
    lines = (line.partition("#")[0].strip() for line in file.read_text().splitlines())
    return dict(line.split("==") for line in lines if line)


def as_lines(versions: dict[str, str]) -> str:
    """The text of a file of constraints."""
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))


def resolve(kept: dict[str, str]) -> dict[str, str]:
    """The packages that pip chooses; nothing is installed."""
    with tempfile.TemporaryDirectory() as folder:
        constraints, report = Path(folder, "constraints.txt"), Path(folder, "report.json")
        constraints.write_text(as_lines(kept))
        options = ("--dry-run", "--ignore-installed", "--quiet", "--disable-pip-version-check")
        packages = (f".[{','.join(EXTRAS)}]", *BUILD)
        files = ("--constraint", str(constraints), "--report", str(report))
        done = subprocess.run(
            [sys.executable, "-m", "pip", "install", *options, *files, *packages], check=False
        )
        if done.returncode:
            sys.exit("lock: pip found no solution; name the packages that may change, or --newest")
        chosen = [package["metadata"] for package in json.loads(report.read_bytes())["install"]]
    return {
        name: package["version"].partition("+")[0]  # +cpu and the like are of one index alone
        for package in chosen
        if (name := canonicalize_name(package["name"])) != "vlft"
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
