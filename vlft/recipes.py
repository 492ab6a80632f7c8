"""The shipped configs: `configs/` in a checkout, inside the package once installed."""

from __future__ import annotations

from pathlib import Path

from vlft.errors import UsageError

_INSTALLED = Path(__file__).parent / "shipped_configs"
_CHECKOUT = Path(__file__).parents[1] / "configs"


def recipes_dir() -> Path:
    """The folder of the shipped configs."""
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT


def recipe(name: str) -> Path:
    """The file of a shipped config.

    Raises:
        UsageError: If there is none of that name.
    """
    file = recipes_dir() / name
    if not file.is_file():
        raise UsageError(f"there is no shipped config `{name}`")
    return file
