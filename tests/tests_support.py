"""Helpers that tests import by name."""

from __future__ import annotations

import sysconfig
import venv
from pathlib import Path

_HEAVY = (
    "torch",
    "ms_swift",
    "swift",
    "transformers",
    "peft",
    "_virtualenv",
    "__editable__",
    "vlft",
)


def light_environment(folder: Path) -> str:
    """An environment with everything installed here but the trainer's packages.

    Returns:
        Its interpreter.
    """
    venv.create(folder, with_pip=False)
    (target,) = folder.glob("lib/python3.*/site-packages")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.lower().startswith(_HEAVY) and not (target / entry.name).exists():
            (target / entry.name).symlink_to(entry)
    return str(folder / "bin" / "python")
