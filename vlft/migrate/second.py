"""Forms that ms-swift 2 took, and put right by itself (its `handle_compatibility`)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.migrate.flags import Flag
    from vlft.migrate.shell.texts import Text

_DATA: Final = {
    "custom_train_dataset_path": "dataset",
    "custom_val_dataset_path": "val_dataset",
}
"""Flag → the one whose files it adds to."""

_LISTS: Final = frozenset(
    {"dataset", "val_dataset", *_DATA, "lora_target_modules", "target_modules"}
)
_NAMES_OF_1: Final = {"dataset_sample": "train_dataset_sample"}


def as_2_read_them(flags: Sequence[Flag]) -> list[Flag]:
    """One list for data sets and files, commas as its separators, names of 1.x.

    Args:
        flags: Of a command for 2.x.
    """
    made: list[Flag] = []
    for flag in flags:
        plain = flag.name.replace("-", "_")
        name = _NAMES_OF_1.get(plain, plain)
        values = _apart(flag.values) if name in _LISTS else flag.values
        made.append(replace(flag, name=name, values=values))
    last = {flag.name: flag for flag in made}
    for name, target in _DATA.items():
        if name in last and target in last:
            files, named = last[name], last[target]
            together = (*named.values, *files.values)
            made = [one for one in made if one.name != name]
            made[made.index(named)] = replace(named, values=together, comment=f"and --{name}")
    return made


def _apart(values: tuple[Text, ...]) -> tuple[Text, ...]:
    if len(values) != 1 or "," not in values[0].text or values[0].why is not None:
        return values
    return tuple(replace(values[0], text=text) for text in values[0].text.split(","))
