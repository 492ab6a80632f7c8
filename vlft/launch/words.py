"""Which words of a command are secrets: they reach the trainer through its environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.command import Command


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
