"""One command as a config."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.findings import Finding
    from vlft.migrate.draft import Draft


@dataclass
class Imported:
    """One command as a config.

    Attributes:
        draft: The config.
        findings: What was dropped, mended, or is to be answered.
    """

    draft: Draft
    findings: list[Finding] = field(default_factory=list)
