"""Where a run is carried out. Each folder in here is an engine, called what `launch.engine` says.

    __init__.py  TRAITS: what may be asked of it, a `traits.EngineTraits`
    engine.py    ENGINE: what it does, a `base.Engine`
    section.py   SECTION: its section of the config, called what the engine is; if it has one
    rules.py     its rules, asked for runs of this engine alone; if it has any

A module of an engine is imported when it is needed: a run on this machine loads no scheduler.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vlft.config.schema import Section

DEFAULT: Final = "local"
_FOLDER: Final = Path(__file__).parent


@cache
def engine_names() -> tuple[str, ...]:
    """All engines, the default one first."""
    names = sorted(file.parent.name for file in _FOLDER.glob("*/engine.py"))
    return (DEFAULT, *(name for name in names if name != DEFAULT))


@cache
def section_names() -> tuple[str, ...]:
    """Engines that have a section of the config."""
    return tuple(name for name in engine_names() if (_FOLDER / name / "section.py").is_file())


def section_of(name: str) -> type[Section]:
    """The class of an engine's section, one of `section_names`."""
    section: type[Section] = import_module(f"{__name__}.{name}.section").SECTION
    return section


def owner_of(module: str) -> str | None:
    """The engine that a module belongs to, by its dotted name; None if it belongs to none."""
    inside = module.removeprefix(f"{__name__}.").split(".")
    return inside[0] if module.startswith(f"{__name__}.") and len(inside) > 1 else None


@cache
def load_rules(name: str) -> None:
    """Registers the rules of an engine, if it has any."""
    if (_FOLDER / name / "rules.py").is_file():
        import_module(f"{__name__}.{name}.rules")
