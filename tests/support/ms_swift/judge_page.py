"""Writes docs/judge.md: which rules ms-swift itself was asked about, and how."""

from __future__ import annotations

from pathlib import Path

from support.ms_swift.rule_effects import (
    EFFECTS,
    FETCHED,
    INSTEAD,
    KNOWN_GAPS,
    NEEDS_GPU,
    NOT_JUDGED,
    REFUSED_ANYWAY,
    TOO_STRICT,
    WORDS,
)
from vlft.rules import all_rules

RULES = all_rules()

PAGE = Path(__file__).parents[3] / "docs" / "judge.md"
HEAD = """\
# What ms-swift itself says of the rules

`tests/support/ms_swift/programs/judge.py` has ms-swift read the arguments of a command, its \
`__post_init__` included, on a machine without a GPU, and says whether it takes them. \
`scripts/test -m swift` \
asks it about every rule, every recipe in `configs/`, 300 generated configs and each argument of \
ms-swift alone, at the edges of its type. \
`PYTHONPATH=tests .venv/bin/python -m support.ms_swift.judge_page` writes this page.

- Effect **aborts**: ms-swift refuses the rule's failing example, with the words shown.
- Every other effect: ms-swift takes the failing example's arguments; it is later that it goes \
wrong. Where the arguments show it, the table says how.
- It takes the passing example of every rule.
"""


def page() -> str:
    """The whole page."""
    refused = [
        (f"`{name}`", NOT_JUDGED.get(name) or f"`{rule.says or WORDS.get(name)}`")
        for name, rule in sorted(RULES.items())
        if rule.effect == "aborts"
    ]
    shown = [
        (f"`{name}`", ", ".join(f"`{key}` is `{value}`" for key, value in effect.items()))
        for name, effect in EFFECTS.items()
    ]
    told = set(EFFECTS) | set(NEEDS_GPU)
    later = sorted(n for n, rule in RULES.items() if rule.effect != "aborts" and n not in told)
    return "\n".join(
        [
            HEAD,
            *_table("Refused", ("rule", "ms-swift says"), refused),
            *_table("Seen in the arguments", ("rule", "ms-swift goes on with"), shown),
            *_table("Needs a GPU", ("rule", "why"), [(f"`{n}`", w) for n, w in NEEDS_GPU.items()]),
            "## Not in the arguments",
            "Seen when the model is loaded, data are read or training runs, or vlft's own:",
            ", ".join(f"`{name}`" for name in later) + ".",
            "",
            *_table("Exceptions", ("what", "why"), _exceptions()),
        ]
    )


def _exceptions() -> list[tuple[str, str]]:
    return [
        *((f"`{name}`", f"judged by `{' '.join(words)}`") for name, words in INSTEAD.items()),
        *((f"ms-swift refuses: {words}", why) for words, why in KNOWN_GAPS.items()),
        *((f"`{name}`", why) for name, why in TOO_STRICT.items()),
        *((f"`{name}`", f"refused all the same: {why}") for name, why in REFUSED_ANYWAY.items()),
        *((f"`{name}`", "its passing example is on a hub") for name in FETCHED),
    ]


def _table(title: str, head: tuple[str, str], rows: list[tuple[str, str]]) -> list[str]:
    cells = [head, ("---", "---"), *rows]
    return [
        f"## {title}",
        *(f"| {' | '.join(c.replace('|', '/') for c in row)} |" for row in cells),
        "",
    ]


if __name__ == "__main__":
    PAGE.write_text(page())
