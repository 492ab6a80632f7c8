"""Scripts inside of words: what `eval`, `bash -c`, `ssh` and the like are given."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.texts import HOLE, Text, filled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.importer.shell.texts import Field

_SHELLS: Final = frozenset({"bash", "sh", "zsh", "dash"})
_CARRIERS: Final = frozenset({"ssh", "tmux", "su", "screen", "watch"})
_WRAP: Final = "--wrap"


def inner_script(words: list[str]) -> str | None:
    """The script that a command hands to a shell; None if there is none.

    Args:
        words: The command; of an unknown word what is written there.
    """
    name = words[0].rpartition("/")[2]
    if name == "eval":
        return " ".join(words[1:])
    for shell, option, script in zip(words, words[1:], words[2:], strict=False):
        if shell.rpartition("/")[2] in _SHELLS and re.fullmatch(r"-[a-z]*c", option):
            return script
    if name == "sbatch":
        return _wrapped(words)
    if name in _CARRIERS:
        return next((word for word in reversed(words) if " " in word.strip()), None)
    return None


def _wrapped(words: list[str]) -> str | None:
    """`sbatch --wrap="…"`."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        flag, equals, value = word.partition("=")
        if flag == _WRAP:
            return value if equals else after
    return None


def with_reason(inner: Field, outer: Sequence[Field]) -> Field:
    """A hole of an inner script, with the reason that the outer one knows."""
    why = next((one.value.why for one in outer if HOLE in one.value.text), None)
    if why is None or inner.value.text != filled(Text(HOLE)).text:
        return inner
    return replace(inner, value=replace(inner.value, why=why))
