"""Numbers of many rows, in the memory that their different values take."""

from __future__ import annotations

from collections import Counter
from typing import Any

PERCENTILES = (50, 90, 95, 99)


class Spread:
    """How often each value was seen; percentiles are exact."""

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def add(self, value: int, times: int = 1) -> None:
        """Takes a value in."""
        self.counts[value] += times

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self.counts.values())

    @property
    def total(self) -> int:
        """Their sum."""
        return sum(value * times for value, times in self.counts.items())

    def over(self, limit: int) -> int:
        """How many are larger."""
        return sum(times for value, times in self.counts.items() if value > limit)

    def to_json(self) -> dict[str, Any] | None:
        """Least, greatest, mean, sum and percentiles (nearest rank); None without values."""
        count = self.count
        if not count:
            return None
        ranked = sorted(self.counts)
        made: dict[str, Any] = {"min": ranked[0]}
        wanted = [(f"p{share}", -(-count * share // 100)) for share in PERCENTILES]
        passed = 0
        for value in ranked:
            passed += self.counts[value]
            while wanted and passed >= wanted[0][1]:
                made[wanted.pop(0)[0]] = value
        return made | {
            "max": ranked[-1],
            "mean": round(self.total / count, 2),
            "sum": self.total,
        }
