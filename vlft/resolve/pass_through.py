"""Single values of what is passed through to ms-swift under `swift:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.config.schema import Config

_TRUE = frozenset({"true", "yes", "t", "y", "1"})
"""What transformers' HfArgumentParser takes for true, lower case."""


def flag(config: Config, name: str) -> bool:
    """Whether this argument is switched on."""
    return str(config.swift.get(name)).lower() in _TRUE


def given_flag(config: Config, name: str) -> bool | None:
    """The same, None if the argument is not given."""
    return None if config.swift.get(name) is None else flag(config, name)


def uses_ray(config: Config) -> bool:
    """Whether Ray starts the trainers: ms-swift's pt and rlhf don't look for `use_ray`."""
    return config.task == "sft" and flag(config, "use_ray")


def is_off(config: Config, name: str) -> bool:
    """Whether this argument is given, and not true."""
    return config.swift.get(name) is not None and not flag(config, name)


def number(config: Config, name: str) -> float | None:
    """This argument as a number; None if it is absent or none."""
    value = config.swift.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value


def word(config: Config, name: str) -> str | None:
    """This argument as text; None if it is absent, a list or a mapping."""
    value = config.swift.get(name)
    return value if isinstance(value, str) else None


def words(config: Config, name: str) -> list[str]:
    """This argument as a list of text; a single value is a list of one."""
    value = config.swift.get(name)
    if value is None or isinstance(value, dict):
        return []
    return [str(item) for item in (value if isinstance(value, list) else [value])]
