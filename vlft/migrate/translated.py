"""Flags by today's names, and what became of the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vlft.migrate.places import finding, shown

if TYPE_CHECKING:
    from vlft.findings import Finding, Severity
    from vlft.migrate.flags import Flag


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
