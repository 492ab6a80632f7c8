"""Where something stands in the input."""

from __future__ import annotations

from bisect import bisect_right

from msgspec import Struct

from vlft.findings import Finding, Severity


class Spot(Struct, frozen=True):
    """A place in a script.

    Attributes:
        file: As the user named it; None for a command line given to vlft itself.
        line: From 1.
        column: From 1, in characters.
    """

    file: str | None
    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}" if self.file else "the command"


class Lines:
    """From an offset in a text to line and column.

    Args:
        text: The whole text.
        file: Its name.
    """

    def __init__(self, text: str, file: str | None) -> None:
        self.file = file
        self._starts = [0]
        position = text.find("\n")
        while position >= 0:
            self._starts.append(position + 1)
            position = text.find("\n", position + 1)

    def spot(self, offset: int) -> Spot:
        """Where the character at this offset stands."""
        line = bisect_right(self._starts, offset)
        return Spot(self.file, line, offset - self._starts[line - 1] + 1)


def finding(
    rule: str, severity: Severity, spot: Spot, message: str, hint: str | None = None, path: str = ""
) -> Finding:
    """A finding at a place of the script; `path` names the config key, if it has one."""
    return Finding(rule, severity, message, path, spot.file, spot.line, spot.column, hint)


def shown(text: str, limit: int = 60) -> str:
    """A text in backticks, short and on one line."""
    flat = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return f"`{flat if len(flat) <= limit else flat[: limit - 1] + '…'}`"
