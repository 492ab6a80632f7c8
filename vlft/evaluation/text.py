"""Scores of one answer as text: exact, normalised, ANLS."""

from __future__ import annotations

import re
import unicodedata

ANLS_THRESHOLD = 0.5
"""Normalised distance from which an answer counts nothing (arXiv:1905.13648)."""

_QUOTES = "\"'`\u201c\u201d\u2018\u2019\u201e\u00ab\u00bb"
_SPACE = re.compile(r"\s+")


def exact_match(prediction: str, answer: str) -> float:
    """1 if both are the same text but for space around it, else 0."""
    return float(prediction.strip() == answer.strip())


def normalise(text: str) -> str:
    """A text without what a reader would not call a difference.

    Unicode's compatible form (NFKC), no case, one space for any run of white space, no quotes
    around it and no full stop at its end.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    plain = _SPACE.sub(" ", folded).strip().strip(_QUOTES)
    return plain.removesuffix(".").strip().strip(_QUOTES)


def normalised_match(prediction: str, answer: str) -> float:
    """1 if both are the same after `normalise`, else 0."""
    return float(normalise(prediction) == normalise(answer))


def anls(prediction: str, answer: str, threshold: float = ANLS_THRESHOLD) -> float:
    """Normalised Levenshtein similarity of one answer; over rows its mean is ANLS.

    1 - NL where NL, the edit distance over the length of the longer text, is below the
    threshold, else 0. Case and space around the texts do not count. Definition: Biten et al.,
    Scene Text Visual Question Answering, ICCV 2019 (arXiv:1905.13648).
    """
    first, second = prediction.strip().lower(), answer.strip().lower()
    longer = max(len(first), len(second))
    if not longer:
        return 1.0
    distance = edit_distance(first, second) / longer
    return 1 - distance if distance < threshold else 0.0


def edit_distance(first: str, second: str) -> int:
    """Fewest insertions, deletions and replacements of one character (Levenshtein)."""
    if len(first) < len(second):
        first, second = second, first
    row = list(range(len(second) + 1))
    for index, left in enumerate(first, start=1):
        diagonal, row[0] = row[0], index
        for place, right in enumerate(second, start=1):
            cost = diagonal if left == right else 1 + min(diagonal, row[place], row[place - 1])
            diagonal, row[place] = row[place], cost
    return row[-1]
