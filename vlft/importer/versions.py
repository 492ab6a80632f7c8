"""Which release a command was written for, told by the names that it uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vlft.swift.names import old_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from vlft.importer.flags import Flag

_FIRST_WITHOUT_A_SPLIT: Final = (3, 6)
_V2_PRESET: Final = re.compile(r"default-zero[23]|zero[23]-offload")


@dataclass(frozen=True, slots=True)
class Era:
    """The major release a command fits.

    Attributes:
        major: 2, 3 or 4.
        told_by: The names that tell it; empty for 4, which needs none.
        splits: Whether rows were split off for validation unless told otherwise; None where
            the names can't tell.
    """

    major: int
    told_by: tuple[str, ...] = ()
    splits: bool | None = False


def tell_era(
    subcommand: str,
    flags: Sequence[Flag],
    legal: Mapping[str, object],
    model_types: Collection[str],
) -> Era:
    """The release that the flags of a command belong to.

    Args:
        subcommand: `sft` and the like.
        flags: Of the command.
        legal: Arguments of the installed ms-swift, by name.
        model_types: Those of its registry.
    """
    second: list[str] = []
    third: list[tuple[tuple[int, ...], str]] = []
    for flag in flags:
        name = flag.name.replace("-", "_")
        if name == "model_type" and "-" in flag.value and flag.value not in model_types:
            second.append(f"--{flag.name} {flag.value}"[:60])
        elif name == "deepspeed" and _V2_PRESET.fullmatch(flag.value):
            second.append(f"--{flag.name} {flag.value}")
        elif name not in legal and (old := old_name(subcommand, name)) is not None:
            release = tuple(int(part) for part in old.last_seen.split("."))
            if release < (3,):
                second.append(f"--{flag.name}")
            else:
                third.append((release, f"--{flag.name}"))
    if second:
        return Era(2, tuple(second), splits=True)
    if third:
        early = min(third)[0] < _FIRST_WITHOUT_A_SPLIT
        return Era(3, tuple(name for _, name in third), splits=True if early else None)
    return Era(4)
