"""A config in the making: keys, values and what is to be said beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from vlft.findings import Finding
    from vlft.importer.shell.state import Text

Key: TypeAlias = tuple[str, ...]
Form = Literal["plain", "text", "list", "raw"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a config.

    Attributes:
        values: One text, or the items of a list.
        form: plain: as it is written, in quotes only where YAML needs them. text: for a key
            that takes text, also where it looks like a number. list: a list. raw: YAML.
        comment: What stands behind it.
    """

    values: tuple[Text, ...]
    form: Form = "plain"
    comment: str | None = None

    @property
    def asked(self) -> bool:
        """Whether a part of it is unknown."""
        return any(value.why is not None for value in self.values)


@dataclass
class Draft:
    """A config.

    Attributes:
        entries: Key → value.
        head: Lines above it.
        left_out: Lines below it: what was not carried over, and why.
    """

    entries: dict[Key, Entry] = field(default_factory=dict)
    head: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


@dataclass
class Imported:
    """One command as a config.

    Attributes:
        draft: The config.
        findings: What was dropped, mended, or is to be answered.
    """

    draft: Draft
    findings: list[Finding] = field(default_factory=list)
