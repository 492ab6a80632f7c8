"""Scripts inside of words: what `eval` and `bash -c` are given."""

from __future__ import annotations

import re
from typing import Final

_SHELLS: Final = frozenset({"bash", "sh", "zsh", "dash"})


def inner_script(words: list[str]) -> str | None:
    """The script that `eval` or a shell with `-c` is given; None if there is none."""
    if words[0] == "eval":
        return " ".join(words[1:])
    for name, option, script in zip(words, words[1:], words[2:], strict=False):
        if name.rpartition("/")[2] in _SHELLS and re.fullmatch(r"-[a-z]*c", option):
            return script
    return None
