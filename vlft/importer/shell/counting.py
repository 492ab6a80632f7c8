"""`((…))`: numbers that are compared, and set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.expand import expand
from vlft.importer.shell.texts import Text
from vlft.importer.shell.words import Part, Word

if TYPE_CHECKING:
    from vlft.importer.shell.texts import Variables

_STEP: Final = re.compile(r"\s*(?:([A-Za-z_]\w*)\s*(\+\+|--)|(\+\+|--)\s*([A-Za-z_]\w*))\s*")
_SET: Final = re.compile(r"\s*([A-Za-z_]\w*)\s*([-+*/%]?)=(?!=)(.*)", re.DOTALL)


def number(text: str, variables: Variables) -> Text:
    """The value of arithmetic that sets nothing."""
    word = Word((Part("arithmetic", text, quoted=True, raw=f"(({text}))"),), 0, text)
    return expand(word, variables)[0].value


def sets(text: str) -> str | None:
    """The name of the variable that arithmetic sets; None if it sets none."""
    step, found = _STEP.fullmatch(text), _SET.fullmatch(text)
    if step is not None:
        return step[1] or step[4]
    return found[1] if found is not None else None


def run(text: str, variables: Variables) -> None:
    """Minds `i = 1`, `i += 2` and `i++`; anything else sets nothing."""
    name = sets(text)
    if name is None:
        return
    step, found = _STEP.fullmatch(text), _SET.fullmatch(text)
    if step is not None:
        text = f"{name} {(step[2] or step[3])[0]} 1"
    elif found is not None:
        text = f"{name} {found[2]} ({found[3]})" if found[2] else found[3]
    made = number(text, variables)
    variables.set(name, (made if made.why is None else Text(f"${name}", made.why),))


def is_true(text: str, variables: Variables) -> bool | None:
    """Whether arithmetic is not 0; None if it can't be known, or sets something."""
    if sets(text) is not None:
        return None
    made = number(text, variables)
    return None if made.why is not None else made.text != "0"
