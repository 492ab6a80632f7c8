"""A row as it is counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.families import VideoTokens


class Turn(NamedTuple):
    """One message.

    Attributes:
        role: system (first only), user, assistant, or tool.
        content: Its text, with `<image>` and the like in it. Of a tool: all that stands between
            the answers before and after it.
        loss: The message's own `loss`; None if it has none.
        loss_scale: The message's own `loss_scale`; None if it has none.
    """

    role: str
    content: str
    loss: bool | None = None
    loss_scale: float | None = None


@dataclass(frozen=True, slots=True)
class CountedRow:
    """What the length of a row depends on.

    Attributes:
        turns: The messages.
        images: Placeholders of each image, in the row's order.
        videos: The videos, in the row's order.
        refs: References of `objects`, as they are; see `boxes.object_texts`.
        boxes: Boxes of `objects`, as the template writes them; see `boxes.object_texts`.
        prompt: The system prompt as it is written, where it names tools; else None.
    """

    turns: Sequence[Turn]
    images: Sequence[int] = ()
    videos: Sequence[VideoTokens] = ()
    refs: Sequence[str] = ()
    boxes: Sequence[str] = ()
    prompt: str | None = None
