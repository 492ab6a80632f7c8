"""A row of a file that is being read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it stands in a file.

    Attributes:
        number: From 1.
        line: From 1; in an array, the line where the row begins.
        raw: Its bytes, without white space around.
        end: Offset in the file behind it, in bytes.
        pictures: Whether pictures that stood in it were written to files.
        broken: Why one of them could not be; empty if all could.
    """

    number: int
    line: int
    raw: bytes
    end: int
    pictures: bool = False
    broken: str = ""
