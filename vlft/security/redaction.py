"""Which words of a command are secrets: they reach the trainer through its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import vlft
from vlft.engines.process import Process

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.plan.command import Command


@dataclass(frozen=True)
class Variable:
    """A word whose value is a variable of the process's environment, never written down.

    Attributes:
        name: Of the variable.
        prefix: Text before the value, such as `--token=`.
    """

    name: str
    prefix: str = ""


Word = str | Variable


@dataclass(frozen=True)
class Split:
    """A command, and apart from it what nobody may read.

    Attributes:
        words: The program's.
        env: Its variables that are no secrets.
        held: What the environment must hold: a secret variable under its own name,
            an argument `--x_token` as VLFT_X_TOKEN.
    """

    words: tuple[Word, ...]
    env: tuple[tuple[str, Word], ...]
    held: dict[str, str]


def without_secrets(command: Command) -> Split:
    """Words and variables apart from secrets.

    A secret variable is not even named among the others: a job has it from the submitting
    environment, and `ps` shows the words of srun.
    """
    masked = command.masked()
    held: dict[str, str] = {}
    words: list[Word] = []
    flag = "argument"
    for word, shown in zip(command.argv, masked.argv, strict=True):
        if word.startswith("--"):
            flag = word[2:].partition("=")[0]
        if word == shown:
            words.append(word)
            continue
        head, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        name = _free_name(f"VLFT_{flag.upper()}", held)
        held[name] = value
        words.append(Variable(name, head + equals))
    env: list[tuple[str, Word]] = []
    for name, text in command.env.items():
        if masked.env[name] == text:
            env.append((name, text))
        else:
            held[name] = text
    return Split(tuple(words), tuple(env), held)


def _free_name(name: str, taken: dict[str, str]) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free


def readable(word: Word) -> str:
    """A word for records and screens."""
    return word if isinstance(word, str) else f"{word.prefix}${word.name}"


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
