"""How a script is started: the words and variables behind which a user types its name."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PAIR: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_SHELLS: Final = ("bash", "sh", "sbatch", "source")
_NAMES: Final = (".sh", ".bash", ".slurm", ".sbatch", ".job")
_FIRST_LINE: Final = re.compile(rb"#!\s*\S*/(?:env\s+)?(?:ba|da|k|z)?sh\b")


@dataclass(frozen=True)
class Start:
    """How a script is started.

    Attributes:
        words: What it is called with: `$1` and on; None if that is not known.
        env: Variables that stand before it.
    """

    words: tuple[str, ...] | None = None
    env: Mapping[str, str] = field(default_factory=dict)


def script_of(words: Sequence[str]) -> tuple[str, Start] | None:
    """The script in `NAME=value bash train.sh word`, and how it is started.

    Args:
        words: As the user typed them.

    Returns:
        None if no shell script is named there.
    """
    env: dict[str, str] = {}
    at = 0
    while at < len(words) and (pair := _PAIR.fullmatch(words[at])) is not None:
        env[pair[1]] = pair[2]
        at += 1
    shell = at + 1 < len(words) and words[at] in _SHELLS
    at += shell
    if at >= len(words) or not (shell or _is_script(words[at])) or not Path(words[at]).is_file():
        return None
    given = tuple(words[at + 1 :])
    mistyped = given[:1] and given[0].startswith("-") and not os.access(words[at], os.X_OK)
    if mistyped and not shell:  # an option of vlft that is none, more likely
        return None
    return words[at], Start(given or None, env)


def _is_script(name: str) -> bool:
    if name.endswith(_NAMES):
        return True
    try:
        with Path(name).open("rb") as file:
            return _FIRST_LINE.match(file.read(64)) is not None
    except OSError:
        return False
