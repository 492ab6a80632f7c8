"""References and boxes of a row's `objects`, as a template writes them into the text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.models import VideoTokens
    from vlft.models.chat import ChatTemplate


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
        refs: References of `objects`, as they are; see `object_texts`.
        boxes: Boxes of `objects`, as the template writes them; see `object_texts`.
        prompt: The system prompt as it is written, where it names tools; else None.
    """

    turns: Sequence[Turn]
    images: Sequence[int] = ()
    videos: Sequence[VideoTokens] = ()
    refs: Sequence[str] = ()
    boxes: Sequence[str] = ()
    prompt: str | None = None


Size = tuple[int, int]
"""Width and height in pixels."""


def object_texts(
    template: ChatTemplate,
    objects: Mapping[str, Any],
    sizes: Sequence[Size],
    resized: Sequence[Size],
    *,
    legacy: bool = True,
) -> tuple[list[str], list[str]]:
    """Texts in place of `<ref-object>` and `<bbox>` (normalize_bbox, replace_ref, replace_bbox).

    Args:
        template: The template; `--norm_bbox` changes its box_scale.
        objects: `ref`, `bbox`, `bbox_type`, `image_id` of the row, as it was loaded.
        sizes: Of the row's images.
        resized: Of the same images after the resize; (0, 0) where it is not needed.
        legacy: Whether QWENVL_BBOX_FORMAT is unset or `legacy`.

    Raises:
        IndexError: If a box names an image that the row does not have.
        TypeError: If a box is no list of numbers. ValueError and ZeroDivisionError likewise.
    """
    refs = [str(ref) for ref in objects.get("ref") or ()]
    boxes = [list(box) for box in objects.get("bbox") or ()]
    if sizes:
        boxes = _scaled(boxes, template, objects, sizes, resized)
    return template.boxes.texts(refs, boxes, legacy=legacy)


def _scaled(
    boxes: list[list[Any]],
    template: ChatTemplate,
    objects: Mapping[str, Any],
    sizes: Sequence[Size],
    resized: Sequence[Size],
) -> list[list[Any]]:
    images = list(objects.get("image_id") or ())
    images += [0] * (len(boxes) - len(images))
    made = []
    for box, image in zip(boxes, images, strict=False):
        old = (1, 1) if objects.get("bbox_type") == "norm1" else sizes[image]
        new = (1000, 1000) if template.box_scale == "norm1000" else resized[image]
        even = len(box) // 2 * 2  # a last x without its y stays as it is
        made.append([
            round(value / old[place % 2] * new[place % 2]) for place, value in enumerate(box[:even])
        ] + box[even:])  # fmt: skip
    return made
