"""The right answer of a data row, in the words that the model was trained to say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlft.dataset.media import MediaProblem, probe_picture
from vlft.dataset.tokens.boxes import object_texts
from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vlft.families import PixelLimits, Vision
    from vlft.families.chat import ChatTemplate

_ANSWERS = ("response", "answer", "output", "targets", "target", "solution", "completion")
_ASSISTANT = ("assistant", "gpt", "bot")
_TAGS = re.compile(r"<bbox>|<ref-object>")


@dataclass(frozen=True, slots=True)
class Convention:
    """How a family writes boxes.

    Attributes:
        template: Its chat template; None leaves `<bbox>` as it is.
        vision: Its arithmetic of pictures.
        limits: Pixel limits of the run.
        legacy: Whether QWENVL_BBOX_FORMAT is unset or `legacy`.
        folders: Where relative paths of pictures start from.
    """

    template: ChatTemplate | None
    vision: Vision | None
    limits: PixelLimits | None
    legacy: bool
    folders: Sequence[Path]


def right_answer(row: Mapping[str, Any], convention: Convention) -> str | None:
    """The last answer of a row, its boxes written as the family does; None if it has none.

    Raises:
        VlftError: If a picture that boxes need the size of can't be read.
    """
    texts = _texts(row)
    if not texts or texts[-1] is None:
        return None
    answer = texts[-1]
    objects = row.get("objects")
    if not isinstance(objects, dict) or not _TAGS.search(answer) or convention.template is None:
        return answer
    sizes, resized = _sizes(row, convention)
    try:
        refs, boxes = object_texts(
            convention.template, objects, sizes, resized, legacy=convention.legacy
        )
    except (IndexError, TypeError, ValueError, ZeroDivisionError) as error:
        raise VlftError(f"its objects can't be read: {error}") from None
    # Tags take references and boxes in their order over all messages.
    before = "".join(text or "" for text in texts[:-1])
    left = {
        "<ref-object>": iter(refs[before.count("<ref-object>") :]),
        "<bbox>": iter(boxes[before.count("<bbox>") :]),
    }
    return _TAGS.sub(lambda tag: next(left[tag[0]], tag[0]), answer)


def _texts(row: Mapping[str, Any]) -> list[str | None]:
    """What is said, in order; the answer last, None if there is none."""
    said = row.get("messages") or row.get("conversations") or row.get("conversation")
    if not isinstance(said, list):
        answer = next((row[name] for name in _ANSWERS if isinstance(row.get(name), str)), None)
        return [str(row.get("query") or row.get("instruction") or ""), answer]
    texts: list[str | None] = []
    role = ""
    for message in said:
        if isinstance(message, dict):
            role = str(message.get("role", message.get("from")))
            content = message.get("content", message.get("value"))
            texts.append(content if isinstance(content, str) else "")
    return texts if role in _ASSISTANT else [*texts, None]


def _sizes(
    row: Mapping[str, Any], convention: Convention
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    images = row.get("images") or row.get("image") or []
    named = images if isinstance(images, list) else [images]
    sizes, resized = [], []
    for image in named:
        path = image.get("path") if isinstance(image, dict) else image
        size = _size(str(path), convention.folders)
        sizes.append(size)
        new = (0, 0)
        if convention.vision is not None and convention.limits is not None:
            counted = convention.vision.image(*size, convention.limits).resized
            new = (0, 0) if counted is None else (counted[1], counted[0])
        resized.append(new)
    return sizes, resized


def _size(path: str, folders: Sequence[Path]) -> tuple[int, int]:
    for folder in folders:
        found = probe_picture(folder / path)
        if not isinstance(found, MediaProblem):
            return found.width, found.height
    raise VlftError(f"`{path}` can't be read, and its boxes need its size")
