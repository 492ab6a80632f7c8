"""Words after a subcommand → flags with their values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.migrate.places import Spot
    from vlft.migrate.shell.texts import Text

NO_VALUE: Final = "no value stands behind it"
"""Why the value of a flag is unknown that has none."""

_FLAG: Final = re.compile(r"--[A-Za-z_][\w.-]*(?:=.*)?", re.DOTALL)


@dataclass(frozen=True)
class Flag:
    """One flag as it was given.

    Attributes:
        name: As written, without dashes.
        values: In order; empty for a switch.
        spot: Where it stands.
        old: What it was called in the input, where that differs.
        comment: What its line in the config says.
    """

    name: str
    values: tuple[Text, ...]
    spot: Spot
    old: str | None = None
    comment: str | None = None

    @property
    def value(self) -> str:
        """The single value as text; a switch is true."""
        return self.values[0].text if self.values else "true"

    @property
    def why(self) -> str | None:
        """Why a value is unknown; None if all are known."""
        return next((value.why for value in self.values if value.why is not None), None)

    def written(self) -> str:
        """As it stood on the command line."""
        words = [f"--{self.old or self.name}", *(value.text for value in self.values)]
        return " ".join(" ".join(words).split())


@dataclass
class Flags:
    """The flags of a command.

    Attributes:
        flags: In order; of a flag that is given twice, both.
        stray: Words that belong to no flag.
    """

    flags: list[Flag] = field(default_factory=list)
    stray: list[tuple[Text, Spot]] = field(default_factory=list)


def read_flags(words: Sequence[tuple[Text, Spot, bool]]) -> Flags:
    """Splits words into flags, as argparse does.

    Args:
        words: Each with its place, and whether it is quoted.
    """
    made = Flags()
    name: str | None = None
    values: list[Text] = []
    spot: Spot | None = None

    def end() -> None:
        if name is not None and spot is not None:
            made.flags.append(Flag(name, tuple(values), spot))

    for word, place, quoted in words:
        if _FLAG.fullmatch(word.text):
            end()
            head, equals, rest = word.text[2:].partition("=")
            name, spot = head, place
            values = [type(word)(rest, word.why, word.notes)] if equals else []
        elif name is None or (word.why is not None and values and not quoted):
            # An unknown that is not quoted may be further flags, or nothing.
            made.stray.append((word, place))
        else:
            values.append(word)
    end()
    return made
