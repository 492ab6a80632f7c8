"""Findings on the screen."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from vlft.findings import to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vlft.findings import Finding
    from vlft.pipeline import Prepared


def documents_of(prepared: Prepared) -> Mapping[str, str]:
    """The texts that findings point into."""
    return prepared.source.documents if prepared.source is not None else {}


def print_findings(findings: Iterable[Finding], documents: Mapping[str, str]) -> None:
    """Findings as text on stderr, in colour on a terminal."""
    text = to_text(findings, documents, color=sys.stderr.isatty())
    if text:
        print(text, file=sys.stderr)
