"""The shipped configs: `configs/` in a checkout, inside the package once installed."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from vlft.errors import UsageError

_INSTALLED = Path(__file__).parent / "shipped_configs"
_CHECKOUT = Path(__file__).parents[1] / "configs"
_HARDWARE = re.compile(r"--hardware (\S+)")
_MODEL = re.compile(r"^  path: (\S+)", re.MULTILINE)


class Recipe(Struct, frozen=True):
    """A shipped config, by what its file says of itself.

    Attributes:
        name: The file's name without its ending.
        title: Its first line.
        model: Hub id.
        hardware: The machine that it fits, as `--hardware` takes it.
        file: The file.
    """

    name: str
    title: str
    model: str
    hardware: str
    file: Path


def recipes_dir() -> Path:
    """The folder of the shipped configs."""
    return _INSTALLED if _INSTALLED.is_dir() else _CHECKOUT


def recipes(model: str | None = None, gpu: str | None = None) -> list[Recipe]:
    """All recipes by name, or those that fit.

    Args:
        model: A part of the model's id, in any case.
        gpu: A part of the hardware, `1x` or `80G`, in any case.
    """
    found = map(_read, sorted(recipes_dir().glob("*.yaml")))
    return [
        one
        for one in found
        if (model or "").lower() in one.model.lower()
        and (gpu or "").lower() in one.hardware.lower()
    ]


def recipe(name: str) -> Path:
    """The file of a shipped config.

    Args:
        name: As `recipes` lists it, with or without its ending, or a path below the folder.

    Raises:
        UsageError: If there is none of that name.
    """
    for file in (recipes_dir() / name, recipes_dir() / f"{name}.yaml"):
        if file.is_file():
            return file
    from vlft.text import nearest  # noqa: PLC0415 - only for the message

    near = nearest(name, [one.name for one in recipes()])
    raise UsageError(
        f"there is no recipe `{name}`", f"did you mean `{near}`?" if near else "vlft ls lists them"
    )


def _read(file: Path) -> Recipe:
    text = file.read_text(encoding="utf-8")
    model, hardware = _MODEL.search(text), _HARDWARE.search(text)
    return Recipe(
        name=file.stem,
        title=text.partition("\n")[0].removeprefix("# "),
        model=model[1] if model else "",
        hardware=hardware[1] if hardware else "",
        file=file,
    )
