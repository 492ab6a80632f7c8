"""What there is to measure in a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vlft.data.convert.conversations import conversation_draft
from vlft.data.convert.convert import question_draft
from vlft.data.convert.draft import Columns
from vlft.data.convert.media import move_inline_images
from vlft.data.rows.columns import COLUMNS
from vlft.data.rows.length import A_MESSAGE, A_PICTURE, OVERHEAD, byte_bound
from vlft.data.tokens.render import Turn
from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.data.convert.draft import Row
    from vlft.data.tokens.rows import TokenModel
    from vlft.models import PixelLimits

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


@dataclass(frozen=True, slots=True)
class Measured:
    """A row, taken apart.

    Attributes:
        turns: Its messages.
        images: References in order.
        videos: References in order.
        audios: How many.
        objects: Boxes and references by key; None if there are none, or of another form.
        limits: The row's own, `chat_template_kwargs`.
        plain: Whether its tokens are all in messages, pictures and videos: no sounds or tools.
    """

    turns: Sequence[Turn]
    images: Sequence[str]
    videos: Sequence[str]
    audios: int
    objects: Mapping[str, Any] | None
    limits: Mapping[str, Any] | None
    plain: bool

    @property
    def text_bound(self) -> int:
        """Tokens beside the pictures' placeholders, at most; no tokenizer is asked."""
        texts = sum(byte_bound(turn.content) + A_MESSAGE for turn in self.turns)
        boxes = 0
        for box in (self.objects or {}).get("bbox") or ():
            boxes += 16 * len(box)
        names = sum(byte_bound(str(name)) + 2 for name in (self.objects or {}).get("ref") or ())
        return OVERHEAD + texts + A_PICTURE * len(self.images) + boxes + names


def measured(row: Row) -> Measured:
    """A row of any form that `vlft data convert` knows.

    Raises:
        RejectError: If it is none of them.
    """
    columns = Columns(row)
    draft = (
        conversation_draft(columns)
        if columns.has(*COLUMNS["messages"])
        else question_draft(columns)
    )
    move_inline_images(draft)
    objects = draft.objects if isinstance(draft.objects, dict) else None
    audios = len(draft.media.get("audios", ()))
    limits = draft.kept.get("chat_template_kwargs")
    return Measured(
        [
            Turn(one["role"], one["content"], one.get("loss"), one.get("loss_scale"))
            for one in draft.messages
        ],
        draft.media.get("images", ()),
        draft.media.get("videos", ()),
        audios,
        objects,
        limits if isinstance(limits, dict) else None,
        not audios and "tools" not in draft.kept and not (draft.objects and not objects),
    )
