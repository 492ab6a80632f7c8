"""Configs that can't be made without arguments.

transformers prints a config as what differs from the defaults, and makes one with none to know
them: `KeyError: 'architectures'`, where nobody asked for more than to load it.
"""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig  # noqa: TID253 - this is the trainer's process

from .own_code_classes import is_own_code, tell


def install() -> None:
    """Puts the mend in the way of every config that is read from now on."""
    original: Any = PretrainedConfig.from_dict.__func__

    def from_dict(cls: type[Any], *args: Any, **options: Any) -> Any:
        if is_own_code(cls) and not cls.has_no_defaults_at_init and not _has_defaults(cls):
            cls.has_no_defaults_at_init = True
            tell(f"{cls.__name__} has no defaults, so it is printed whole")
        return original(cls, *args, **options)

    PretrainedConfig.from_dict = classmethod(from_dict)


def _has_defaults(kind: type[Any]) -> bool:
    try:
        kind().to_dict()
    except Exception:  # noqa: BLE001 - it is code of any kind
        return False
    return True
