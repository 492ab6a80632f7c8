"""Secrets among a program's arguments, kept out of the process list."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import vlft
from vlft.launch.process import Process
from vlft.launch.words import Variable, readable, without_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.command import Command
    from vlft.launch.words import Word

PROGRAM: Final = Path(vlft.__file__).parent / "trainer_side" / "hidden_arguments.py"
HIDDEN: Final = "VLFT_HIDDEN"
"""Variable with the names of those that stand for words: see PROGRAM."""


def to_process(command: Command) -> Process:
    """The process of a command, as it is started here."""
    environment = command.environment(os.environ)
    split = without_secrets(command)
    names = [word.name for word in split.words if isinstance(word, Variable)]
    if not names:
        return Process(command.argv, environment, str(Path.cwd()))
    environment |= split.held | {HIDDEN: " ".join(names)}
    argv = tuple(map(readable, hidden_words(split.words, names)))
    return Process(argv, environment, str(Path.cwd()))


def hidden_words(words: Sequence[Word], names: Sequence[str]) -> tuple[Word, ...]:
    """Words of a program of ms-swift in which a secret stands by the name of its variable.

    Args:
        words: A Python, perhaps torchrun and its flags, the script, and what that is given.
        names: The variables that hold secrets; others stay what they are.
    """
    shown: list[Word] = []
    for word in words:
        if isinstance(word, Variable) and word.name in names:
            shown.append(f"{word.prefix}{{{word.name}}}")
            continue
        if isinstance(word, str) and _is_program(word):
            shown.append(str(PROGRAM))
        shown.append(word)
    return tuple(shown)


def _is_program(word: str) -> bool:
    path = Path(word)
    return path.suffix == ".py" and path.parts[-3:-1] == ("swift", "cli")
