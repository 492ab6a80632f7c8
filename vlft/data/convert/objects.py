"""Boxes: from a list of objects (ms-swift v2) to lists by key (ms-swift 4)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct

from vlft.data.convert.draft import Change, Draft, RejectError, read_text
from vlft.text import kind

if TYPE_CHECKING:
    from collections.abc import Callable

Box: TypeAlias = "list[float]"
Scale = Literal["real", "norm1", "norm1000"]
ImageSize: TypeAlias = "Callable[[str], tuple[int, int] | None]"
"""Reference → width and height in pixels; None if it can't be read."""

_SCALES: dict[Any, Scale] = {
    None: "real",
    "": "real",
    "real": "real",
    "norm_1": "norm1",
    "norm1": "norm1",
    "norm_1000": "norm1000",
    "norm1000": "norm1000",
}
_V2_END = 999  # where v2's scale of a thousand ends: it wrote int(x / width * 999)
_END = 1000
_LENGTHS = (2, 4)
_BOX = "<bbox>"
_REF = "<ref-object>"
_BOX_TAG = re.compile(_BOX)


class _Object(Struct, frozen=True):
    """An object of either form."""

    name: str | None
    boxes: tuple[Box, ...]
    scale: Scale
    image: int


def settle_objects(draft: Draft, size_of: ImageSize) -> dict[str, Any] | None:
    """The `objects` of ms-swift 4; tags of several boxes are multiplied in the texts.

    Args:
        draft: Texts, images and objects of a row.
        size_of: Size of an image, asked for where boxes of several scales meet.

    Returns:
        The four lists and the scale; None where no tag asks for an object.

    Raises:
        RejectError: If tags find no object, or a box is none.
    """
    found = draft.objects
    if isinstance(found, str) and found.strip():
        found = read_text(found, "objects")
        draft.changes.add(Change.OBJECTS)
    tags = [draft.count(tag) for tag in (_REF, _BOX)]
    if not found:
        if found is not None:
            draft.changes.add(Change.EMPTY_COLUMN)
        if any(tags):
            raise RejectError(f"there are {_REF} or {_BOX} tags, and no objects")
        return None
    if isinstance(found, list):
        draft.changes.add(Change.OBJECTS)
        objects = [_from_v2(one, number) for number, one in enumerate(found, start=1)]
        end = _V2_END
    elif isinstance(found, dict):
        objects = _from_v4(found)
        if set(found) != {"ref", "bbox", "bbox_type", "image_id"}:
            draft.changes.add(Change.OBJECTS)
        end = _END
    else:
        raise RejectError(f"objects is {kind(found)}")
    if not any(tags):
        draft.changes.add(Change.UNUSED_OBJECTS)
        return None
    return _by_key(draft, objects, tags, end, size_of)


def _by_key(
    draft: Draft, objects: list[_Object], tags: list[int], end: int, size_of: ImageSize
) -> dict[str, Any]:
    names = [one.name for one in objects if one.name is not None]
    boxed = [one for one in objects if one.boxes]
    for wanted, there, tag in ((tags[0], len(names), _REF), (tags[1], len(boxed), _BOX)):
        if wanted > there:
            raise RejectError(f"there are {wanted} {tag} tags and only {there} objects for them")
    if max(tags) < len(objects):
        draft.changes.add(Change.UNUSED_OBJECTS)
    boxed = boxed[: tags[1]]
    if any(len(one.boxes) > 1 for one in boxed):
        _multiply(draft, [len(one.boxes) for one in boxed])
        draft.changes.add(Change.OBJECTS)
    scale, boxes = _one_scale(draft, boxed, end, size_of)
    pictures = len(draft.media.get("images", ()))
    image_ids = [one.image for one in boxed for _ in one.boxes]
    if any(image >= max(pictures, 1) or image < 0 for image in image_ids):
        raise RejectError(f"an object is on image {max(image_ids)}, and there are {pictures}")
    return {"ref": names[: tags[0]], "bbox": boxes, "bbox_type": scale, "image_id": image_ids}


def _one_scale(
    draft: Draft, objects: list[_Object], end: int, size_of: ImageSize
) -> tuple[str, list[Box]]:
    """All boxes on one scale that ms-swift 4 knows."""
    scales = {one.scale for one in objects}
    is_real = not scales or "real" in scales
    if scales not in (set(), {"real"}, {"norm1"}):
        draft.changes.add(Change.BOX_SCALE)
    images = draft.media.get("images", [])
    boxes: list[Box] = []
    for one in objects:
        size = None
        if is_real and one.scale != "real":
            size = size_of(images[one.image]) if one.image < len(images) else None
            if size is None:
                raise RejectError("boxes have several scales, and the image can't be read")
        own = one.boxes
        if one.scale == "norm1000":
            own = tuple(_clipped([value / end for value in box], draft) for box in own)
        if size is not None:
            own = tuple([value * size[at % 2] for at, value in enumerate(box)] for box in own)
        boxes += own
    return "real" if is_real else "norm1", boxes


def _clipped(box: Box, draft: Draft) -> Box:
    if max(box) > 1:
        draft.changes.add(Change.BOX_CLIPPED)
    return [min(value, 1.0) for value in box]


def _from_v2(value: Any, number: int) -> _Object:
    if not isinstance(value, dict):
        raise RejectError(f"object {number} is {kind(value)}")
    name = value.get("caption", value.get("ref"))
    if name is not None and not isinstance(name, str):
        raise RejectError(f"the caption of object {number} is {kind(name)}")
    image = value.get("image", 0)
    if image is None:
        image = 0
    if not isinstance(image, int) or isinstance(image, bool):
        raise RejectError(f"the image of object {number} is {kind(image)}, not its place")
    return _Object(name, _boxes(value.get("bbox"), number), _scale(value.get("bbox_type")), image)


def _from_v4(value: dict[str, Any]) -> list[_Object]:
    """Names and boxes are lists of their own lengths there."""
    names = value.get("ref") or []
    if isinstance(names, str):
        names = [names]
    boxes = value.get("bbox") or []
    images = value.get("image_id") or []
    if boxes and not isinstance(boxes[0], list):
        boxes = [boxes]
    scale = _scale(value.get("bbox_type"))
    made = []
    for place in range(max(len(names), len(boxes))):
        name = names[place] if place < len(names) else None
        box = _boxes(boxes[place], place + 1) if place < len(boxes) else ()
        image = images[place] if place < len(images) else 0
        made.append(_Object(name, box, scale, int(image)))
    return made


def _scale(value: Any) -> Scale:
    found = _SCALES.get(value.lower() if isinstance(value, str) else value)
    if found is None:
        raise RejectError(f"bbox_type is {value}, and not real, norm_1 or norm_1000")
    return found


def _boxes(value: Any, number: int) -> tuple[Box, ...]:
    """The boxes of an object; numbers become floats, one type through the file."""
    if value in (None, []):
        return ()
    if not isinstance(value, list):
        raise RejectError(f"the box of object {number} is {kind(value)}")
    boxes = value if isinstance(value[0], list) else [value]
    for box in boxes:
        if not isinstance(box, list) or len(box) not in _LENGTHS:
            raise RejectError(f"the box of object {number} has not 2 or 4 numbers")
        if any(not isinstance(one, (int, float)) or isinstance(one, bool) for one in box):
            raise RejectError(f"the box of object {number} is not made of numbers")
        if not all(map(math.isfinite, box)):
            raise RejectError(f"the box of object {number} has a number without end")
    return tuple([float(one) for one in box] for box in boxes)


def _multiply(draft: Draft, times: list[int]) -> None:
    """As many tags as boxes: v2 put all boxes of an object in the place of one."""
    counts = iter(times)
    for message in draft.messages:
        message["content"] = _BOX_TAG.sub(lambda _: _BOX * next(counts), message["content"])
