"""Writes docs/rules.md from the rules; `scripts/docs` runs it."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

from vlft.rule_catalog import EFFECTS, Entry, catalogue

PAGE = Path(__file__).with_name("rules.md")
HEAD = """\
# Rules

`vlft validate` and `vlft train` ask all of them; `vlft explain RULE` says the same in a terminal. \
`scripts/docs` writes this page from the code.

An **error** stops the run, a **warning** is worth a look, an **info** is advice. \
`# vlft: ignore[RULE]` at the end of a line ignores what is found there, an error too where there \
is still something to run without it; `--ignore RULE` ignores a warning or an info everywhere. \
A comment that ignores nothing is a warning.
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for subject, entries in groupby(catalogue().values(), lambda e: e.id.partition(".")[0]):
        rows = "\n".join(map(_row, entries))
        parts.append(f"\n## {subject}\n| rule | | what must hold | else | source |\n")
        parts.append(f"|---|---|---|---|---|\n{rows}\n")
    return "".join(parts)


def _row(entry: Entry) -> str:
    effect = EFFECT_WORDS.get(entry.effect, "")
    if entry.says:
        effect += f": `{entry.says}`"
    cells = (f"`{entry.id}`", entry.severity, entry.sentence, effect, entry.source)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


EFFECT_WORDS = {
    EFFECTS["aborts"]: "ms-swift refuses it",
    EFFECTS["late"]: "the run fails late",
    EFFECTS["silent"]: "silently wrong",
    EFFECTS["advice"]: "waste",
}


def main() -> int:
    """Writes the page, or with --check says whether it is current."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/rules.md is not current: run scripts/docs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
