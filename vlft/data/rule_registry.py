"""Every rule of rows and files: importing the modules registers them."""

from __future__ import annotations

from vlft.data.checking import repeats
from vlft.data.checking import report as mixture
from vlft.data.loading import rules as loading
from vlft.data.outcomes import ROW_RULES
from vlft.data.reading import problems
from vlft.data.rows import box_rules, media_rules, preferences, retrieval, rules
from vlft.data.rows import (
    coercion as reshaped,
)
from vlft.data.rows import media as images

REGISTERED = (
    box_rules,
    images,
    loading,
    media_rules,
    mixture,
    preferences,
    problems,
    repeats,
    reshaped,
    retrieval,
    rules,
)

__all__ = ["REGISTERED", "ROW_RULES"]
