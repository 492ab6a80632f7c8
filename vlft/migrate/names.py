"""Names that arguments of ms-swift had in earlier releases.

names.json holds, by subcommand, `old name: [new name or null, last release with the old one]`;
it comes from the dataclasses of 19 releases from 2.0.0 to 4.6.0.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = Path(__file__).parent / "names.json"


@dataclass(frozen=True, slots=True)
class OldName:
    """An argument that is gone.

    Attributes:
        name: What it was called.
        new: What it is called now; None if nothing took its place.
        last_seen: The last release that had it: `2.6.1`.
    """

    name: str
    new: str | None
    last_seen: str

    @property
    def gone(self) -> str:
        """When it went, for the end of a sentence."""
        return "since v3" if self.last_seen.startswith("2.") else f"since after v{self.last_seen}"


def old_name(subcommand: str, name: str) -> OldName | None:
    """What became of an argument; None if no release had it and dropped it.

    Args:
        subcommand: `sft` and what shares its arguments (`pt`, `rlhf`), or `export`.
        name: With underscores or hyphens.
    """
    plain = name.replace("-", "_")
    found = _names()["export" if subcommand == "export" else "sft"].get(plain)
    return OldName(plain, found[0], found[1]) if found else None


@functools.cache
def _names() -> Any:
    """The file; read once, and only when an argument is unknown."""
    return json.loads(_FILE.read_bytes())
