"""The fenced blocks of a page: `sh` is run, and a block that names a file is that file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Commands of the pages that no test runs, and why.
NOT_RUN = {
    "pip install 'vlft[train]'": "this environment is the one that it makes",
}


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        language: The first word behind the fence; empty without one.
        file: The second one: the file that it is.
        text: What stands in it.
    """

    language: str
    file: str
    text: str


def blocks(page: str) -> list[Block]:
    """The blocks of a page, by its path in the repository."""
    found = _FENCE.findall((ROOT / page).read_text(encoding="utf-8"))
    return [
        Block(*[*info.split(), "", ""][:2], text)  # type: ignore[misc]
        for info, text in found
    ]


def script(page: str) -> str:
    """All that a page says to type, as one script that stops at the first failure."""
    text = "".join(one.text for one in blocks(page) if one.language == "sh")
    lines = [line for line in text.splitlines() if line not in NOT_RUN]
    assert lines, page
    return "set -euo pipefail\n" + "\n".join(lines) + "\n"


def write_files(page: str, folder: Path) -> None:
    """Writes the blocks that name a file."""
    for one in blocks(page):
        if one.file:
            (folder / one.file).write_text(one.text, encoding="utf-8")


def commands(page: str) -> list[str]:
    """Every `vlft …` of a page's blocks, without comments."""
    lines = (
        line for one in blocks(page) if one.language in ("", "sh") for line in one.text.splitlines()
    )
    plain = (re.split(r"  #| [|>] ", line)[0].strip().removeprefix("$ ") for line in lines)
    return [line for line in plain if re.match(r"(\w+=\$\()?vlft ", line)]
