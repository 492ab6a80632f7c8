"""Bars of a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlft.dataset.stats_spread import Spread

_WIDTH = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MOST_BARS = 12
_STEPS = (1, 2, 5)


def histogram(spread: Spread) -> list[str]:
    """A line for each range of values: at most a dozen, of round numbers.

    Ranges are equal unless the values span more than three powers of ten; then each range is
    twice the one before it.
    """
    if not spread.counts:
        return []
    low, high = min(spread.counts), max(spread.counts)
    edges = _equal(low, high) if high < max(low, 1) * 1000 else _doubling(low, high)
    bars = [0] * (len(edges) - 1)
    place = 0
    for value in sorted(spread.counts):
        while value >= edges[place + 1]:
            place += 1
        bars[place] += spread.counts[value]
    most = max(bars)
    names = [_range(edges[n], edges[n + 1]) for n in range(len(bars))]
    width = max(map(len, names))
    return [
        f"{name:>{width}}  {_bar(count / most):<{_WIDTH}} {count:,}"
        for name, count in zip(names, bars, strict=True)
    ]


def _range(start: int, end: int) -> str:
    return f"{start:,}" if end == start + 1 else f"{start:,} to {end - 1:,}"


def _bar(share: float) -> str:
    """A bar in eighths of a character; what is there is seen."""
    eighths = max(round(share * _WIDTH * 8), 1 if share else 0)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + _EIGHTHS[rest].strip()


def _equal(low: int, high: int) -> list[int]:
    step = 1
    while (high // step - low // step) >= _MOST_BARS:
        step = next(
            size * 10**power for power in range(20) for size in _STEPS if size * 10**power > step
        )
    start = low // step * step
    return list(range(start, high + step + 1, step))


def _doubling(low: int, high: int) -> list[int]:
    edges = [low, 1 << max(low, 1).bit_length()]
    while edges[-1] <= high:
        edges.append(edges[-1] * 2)
    return edges
