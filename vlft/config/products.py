"""Products of integers: `1024*28*28` pixels."""

from __future__ import annotations

import re
from typing import Final

_FACTOR: Final = re.compile(r"0|[1-9][0-9]{0,11}")
_BOUND: Final = 1 << 63  # a result must fit a signed 64-bit integer


def parse_product(text: str) -> int | None:
    """The value of non-negative integers joined by `*`; None if the text is anything else.

    One integer alone is a product of one factor. Spaces around factors are allowed; a sign,
    a leading zero, a separator (`1_000`), a factor of more than 12 digits or a result of 2**63
    and more is not.
    """
    result = 1
    is_zero = False
    for part in text.split("*"):
        factor = part.strip(" \t")
        if not _FACTOR.fullmatch(factor):
            return None
        if factor == "0":
            is_zero = True
        elif result < _BOUND:  # grows no further, however many factors follow
            result *= int(factor)
    if is_zero:
        return 0
    return result if result < _BOUND else None
