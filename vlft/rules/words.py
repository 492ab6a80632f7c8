"""Words that several rules put together."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """`1 process`, `2 processes`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}{'es' if noun.endswith('s') else 's'}"
