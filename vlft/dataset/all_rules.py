"""Every rule of rows and files: importing the modules registers them."""

from __future__ import annotations

from vlft.dataset.checking import mixture, repeats
from vlft.dataset.fates import ROW_RULES
from vlft.dataset.loading import rules as loading
from vlft.dataset.reading import problems
from vlft.dataset.rows import (
    box_rules,
    images,
    media_rules,
    preferences,
    reshaped,
    retrieval,
    rules,
)

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
