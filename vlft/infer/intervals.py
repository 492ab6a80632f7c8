"""How sure a mean is: 95 % confidence intervals."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

Z = 1.959963984540054
"""Of the normal distribution, two-sided 95 %."""

_RESAMPLES = 2000
_MOST_RESAMPLED = 2000  # rows: beyond, the normal interval is as good and needs no time
_TAIL = 0.025


class Interval(NamedTuple):
    """From low to high."""

    low: float
    high: float


def wilson(successes: int, count: int) -> Interval:
    """Wilson's score interval of a share; right for small counts and for 0 and 1 too.

    E. B. Wilson, Probable inference, the law of succession, and statistical inference, Journal
    of the American Statistical Association 22 (1927).
    """
    if not count:
        return Interval(0.0, 1.0)
    share, square = successes / count, Z * Z
    middle = share + square / (2 * count)
    spread = Z * math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    whole = 1 + square / count
    return Interval(max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole))


def difference_interval(differences: Sequence[float]) -> Interval:
    """Interval of a mean difference of pairs; without any difference, that of a rare one."""
    if any(differences):
        return mean_interval(differences)
    rare = wilson(0, len(differences)).high
    return Interval(-rare, rare)


def mean_interval(values: Sequence[float]) -> Interval:
    """Interval of a mean: the percentile bootstrap, seeded; the normal one for many rows.

    B. Efron, Bootstrap methods: another look at the jackknife, Annals of Statistics 7 (1979).
    """
    count = len(values)
    if not count:
        return Interval(0.0, 1.0)
    middle = math.fsum(values) / count
    if len(set(values)) == 1:
        # No spread to resample: what was never seen may still be there, as in Wilson's interval.
        return wilson(int(middle) * count, count) if middle in (0, 1) else Interval(middle, middle)
    if count > _MOST_RESAMPLED:
        variance = math.fsum((value - middle) ** 2 for value in values) / (count - 1)
        spread = Z * math.sqrt(variance / count)
        return Interval(middle - spread, middle + spread)
    chance = random.Random(0)  # noqa: S311  the same interval every time
    means = sorted(sum(chance.choices(values, k=count)) / count for _ in range(_RESAMPLES))
    edge = int(_TAIL * _RESAMPLES)
    return Interval(means[edge], means[-edge - 1])
