"""Runs a program of ms-swift whose secret arguments stand in variables.

`ps` shows the words of a process to every user of the machine, and its environment to none but
its own. VLFT_HIDDEN names the variables; a word that ends in `{NAME}` ends in the value instead.

    python hidden_arguments.py sft.py --model M --hub_token {VLFT_HUB_TOKEN}
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path


def main() -> None:
    """Becomes the program, to which nothing of this is to be seen."""
    hidden = {name: os.environ.pop(name) for name in os.environ.pop("VLFT_HIDDEN").split()}
    _, script, *words = sys.argv
    sys.argv = [script, *(_told(word, hidden) for word in words)]
    sys.path[0] = str(Path(script).parent)
    runpy.run_path(script, run_name="__main__")


def _told(word: str, hidden: dict[str, str]) -> str:
    for name, value in hidden.items():
        place = f"{{{name}}}"
        if word.endswith(place):
            return word.removesuffix(place) + value
    return word


if __name__ == "__main__":
    main()
