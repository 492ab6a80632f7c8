"""The config files that the words of a command line mean."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ENDINGS: Final = (".yaml", ".yml")


def find_configs(words: Iterable[str]) -> list[str]:
    """Files as they are named; all YAML files below a folder; what a glob matches, sorted.

    A file that does not exist stays in the list: reading it says so.

    Raises:
        UsageError: If a folder holds no YAML file, or a glob matches nothing.
    """
    return list(dict.fromkeys(name for word in words for name in _named(word)))


def _named(word: str) -> Iterator[str]:
    if os.path.isdir(word):  # noqa: PTH112 - a NUL is no error here
        found = sorted(_below(word))
        if not found:
            hint = "folders whose names begin with a dot are not looked into"
            raise UsageError(f"there is no *.yaml or *.yml file below `{word}`", hint)
        yield from found
    elif any(char in word for char in "*?[") and not os.path.lexists(word):
        import glob  # noqa: PLC0415 - seldom needed: a shell does it before

        matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 - keeps `./`
        if not matches:
            raise UsageError(f"no file matches `{word}`", "`**` stands for folders of any depth")
        for match in matches:
            yield from _below(match) if Path(match).is_dir() else [match]
    else:
        yield word


def _below(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(_ENDINGS):
                yield os.path.join(parent, name)  # noqa: PTH118 - keeps `./`
