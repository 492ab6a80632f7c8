"""Words after a subcommand → flags with their values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vlft.importer.spans import finding, shown
from vlft.security.secrets import is_masked, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.findings import Finding, Severity
    from vlft.importer.shell.state import Text
    from vlft.importer.spans import Spot

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
    def is_secret(self) -> bool:
        """Whether its name says so, or a value was masked."""
        masked = any(is_masked(value.text) for value in self.values)
        return masked or is_secret_name(self.name.replace("-", "_"))

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


@dataclass
class Translated:
    """Flags by today's names.

    Attributes:
        flags: Name → flag; the last one counts, as for argparse.
        dropped: Flags that nothing became of, and why.
        findings: One for each that was renamed, changed or dropped.
    """

    flags: dict[str, Flag] = field(default_factory=dict)
    dropped: list[tuple[Flag, str]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def drop(self, flag: Flag, why: str, *, harmless: bool = True, hint: str | None = None) -> None:
        """Leaves a flag out, and says so."""
        self.dropped.append((flag, why))
        message = f"{shown(flag.written())} is left out: {why}"
        severity: Severity = "info" if harmless else "warning"
        self.findings.append(finding("import.dropped", severity, flag.spot, message, hint))

    def put(self, flag: Flag) -> None:
        """Takes a flag over; an earlier one of the same name is left out."""
        before = self.flags.pop(flag.name, None)
        if before is not None:
            self.drop(before, f"it is given again in {flag.spot}, and the last one counts")
        self.flags[flag.name] = flag


def drop_secret(made: Translated, flag: Flag) -> None:
    """Leaves a secret out, whose value is masked already, and says so."""
    made.dropped.append((flag, "a secret does not belong into a config"))
    message = f"`--{flag.name}` is left out: a secret does not belong into a config"
    hint = "give it to the service by its environment variable"
    made.findings.append(finding("import.secret", "warning", flag.spot, message, hint))
