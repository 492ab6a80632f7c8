"""An interpreter whose ms-swift does little, and fails as it is told: see tests/support/standin."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

from support.folders import light_environment


def standin_interpreter(folder: Path, *, torch: bool = False, **packages: str) -> str:
    """An environment of its own.

    Args:
        folder: To make.
        torch: Whether the real torch is there, as what looks at a merge needs it.
        packages: Further packages that seem to be installed: name → version.

    Returns:
        Its Python.
    """
    python = light_environment(folder)
    (site,) = folder.glob("lib/python3.*/site-packages")
    for name, version in {"ms_swift": "4.6.0", **packages}.items():
        (site / f"{name}-{version}.dist-info").mkdir()
    for name in ("torch", "torchgen") if torch else ():
        (site / name).symlink_to(Path(sysconfig.get_path("purelib"), name))
    (site / "swift" / "cli").mkdir(parents=True)
    (site / "swift" / "__init__.py").touch()
    for program in (Path(__file__).parent / "standin").glob("*.py"):
        shutil.copy(program, site / "swift" / "cli")
    return python
