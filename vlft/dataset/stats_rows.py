"""What there is to measure in a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlft.dataset.convert.columns import MESSAGES, Columns
from vlft.dataset.convert.conversations import conversation_draft
from vlft.dataset.convert.questions import question_draft
from vlft.dataset.convert.tags import move_inline_images
from vlft.dataset.rows.length import A_MESSAGE, A_PICTURE, OVERHEAD, byte_bound
from vlft.dataset.tokens.row import Turn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.dataset.convert.draft import Row


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
    draft = conversation_draft(columns) if columns.has(*MESSAGES) else question_draft(columns)
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
