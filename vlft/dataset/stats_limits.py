"""Pixel limits to be compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.dataset.tokens.model import TokenModel
    from vlft.families import PixelLimits

_TOKENS = (4096, 2048, 1280, 1024, 768, 512, 256, 128, 64)
_TILES = (12, 6, 4, 2, 1)


@dataclass(frozen=True, slots=True)
class Choice:
    """A limit that a run may have.

    Attributes:
        name: What to write for it in a config; empty for the limits of the run itself.
        value: Pixels, or tiles; None for the limits of the run itself.
        limits: All limits of such a run.
        asked: Whether the user named it.
    """

    name: str
    value: int | None
    limits: PixelLimits
    asked: bool = False


def choices(model: TokenModel, limits: PixelLimits, asked: Sequence[int]) -> list[Choice]:
    """The run's own limits, and others in their place.

    Args:
        model: Whose pictures are counted.
        limits: Of the run.
        asked: Values to compare, pixels or tiles by family; without any, common ones.

    Raises:
        UsageError: If a value can't be a limit.
    """
    own = Choice("", None, limits, asked=True)
    side = model.vision.side
    if side is None:
        counts = asked or _TILES
        return [own, *(_tiles(limits, count, bool(asked)) for count in counts)]
    square = side**2
    if any(value < 4 * square for value in asked):
        raise UsageError(
            f"a limit is below 4 tokens, {4 * square} pixels", f"write 256*{side}*{side}"
        )
    values = sorted(asked or (tokens * square for tokens in _TOKENS), reverse=True)
    return [own, *(_pixels(limits, value, side, bool(asked)) for value in values)]


def _tiles(limits: PixelLimits, count: int, asked: bool) -> Choice:
    return Choice(f"tiles: {count}", count, replace(limits, max_num=count), asked)


def _pixels(limits: PixelLimits, value: int, side: int, asked: bool) -> Choice:
    tokens, rest = divmod(value, side**2)
    name = f"max: {value}" if rest else f"max: {tokens}*{side}*{side}"
    return Choice(name, value, replace(limits, max_pixels=value, max_tokens=None), asked)
