"""Boxes against their tags and pictures (swift/template/base.py: normalize_bbox)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vlft.data import rules
from vlft.data.media import Picture
from vlft.data.rows.media import reference_of
from vlft.text import kind, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.outcomes import RowProblem
    from vlft.data.rows.context import Context
    from vlft.data.rows.sample import Sample

_BOX = 4


def check_boxes(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Boxes that do not end where the row says."""
    objects = sample.objects
    boxes, refs = objects.get("bbox") or [], objects.get("ref") or []
    yield from _count_boxes(sample, boxes)
    yield from _count_refs(sample, refs)
    if not boxes:
        return
    kinds = objects.get("bbox_type")
    if kinds and kinds != "norm1" and str(kinds).lower() != "real":
        hint = "write real (pixels) or norm1 (0 to 1); divide thousandths by 1000 for norm1"
        message = f"bbox_type {shown(kinds)} is taken for pixels"
        yield rules.BOX_TYPE.found(message, hint, "objects.bbox_type")
    if not sample.images:
        if any("<bbox>" in text for _, text in sample.texts):
            message = f"{len(boxes)} boxes and no picture"
            hint = "name the picture in images"
            yield rules.BOX_ALONE.found(message, hint, "objects.bbox")
        return
    yield from _check_each(sample, context, boxes, norm1=kinds == "norm1")


def _count_boxes(sample: Sample, boxes: Any) -> Iterator[RowProblem]:
    tags = sum(text.count("<bbox>") for _, text in sample.texts)
    if tags != len(boxes):
        message = f"{tags} <bbox> tag{'' if tags == 1 else 's'} and {len(boxes)} boxes"
        hint = "write one tag for each box, in the same order"
        yield rules.BOX_TAGS_MANY.found(message, hint, "objects.bbox" if boxes else "")


def _count_refs(sample: Sample, refs: Any) -> Iterator[RowProblem]:
    tags = sum(text.count("<ref-object>") for _, text in sample.texts)
    if not isinstance(refs, list):
        message = f"ref is {kind(refs)}, and is taken letter by letter"
        if tags:
            yield rules.REF_FORM.found(message, 'write ["…", …]', "objects.ref")
        return
    if tags > len(refs):
        message = f"{tags} <ref-object> tags and {len(refs)} refs"
        hint = "write one ref for each tag, in the same order"
        yield rules.REF_TAGS_MANY.found(message, hint, "objects.ref" if refs else "")
    elif tags < len(refs):
        message = f"{len(refs)} refs and {tags} <ref-object> tags"
        yield rules.REFS_UNUSED.found(message, "write one tag for each ref", "objects.ref")
    for index, ref in enumerate(refs[:tags]):
        if not isinstance(ref, str):
            message = f"a ref is {shown(ref)}"
            yield rules.REF_FORM.found(message, "write a text", f"objects.ref.{index}")
            return


def _check_each(
    sample: Sample, context: Context, boxes: Any, *, norm1: bool
) -> Iterator[RowProblem]:
    ids = sample.objects.get("image_id") or []
    if not isinstance(ids, list):
        message = f"image_id is {kind(ids)}"
        yield rules.BOX_IMAGE.found(message, "write [0, …]", "objects.image_id")
        return
    for index, box in enumerate(boxes):
        key = f"objects.bbox.{index}"
        if not isinstance(box, list) or not all(map(_is_number, box)):
            yield rules.BOX_NUMBERS.found(f"a box is {shown(box)}", "write four numbers", key)
            continue
        image = ids[index] if index < len(ids) else 0
        needed = not norm1 or context.settings.norm_bbox == "none"
        if not isinstance(image, int) or (needed and not _within(image, len(sample.images))):
            message = f"image_id {shown(image)} and {len(sample.images)} pictures"
            hint = f"write 0 to {len(sample.images) - 1}"
            yield rules.BOX_IMAGE.found(message, hint, "objects.image_id")
        elif image < 0:
            message = f"image_id {image} counts from the last picture"
            yield rules.BOX_IMAGE_BEHIND.found(message, "count from 0", "objects.image_id")
        elif norm1:
            yield from _range(box, 1, 1, key, "norm1 means 0 to 1")
        else:
            yield from _in_picture(sample.images[image], context, box, key)


def _is_number(value: Any) -> bool:
    """Whether it is one on its way to the template; NaN and Infinity become null."""
    return isinstance(value, int | float) and math.isfinite(value)


def _within(index: int, count: int) -> bool:
    return -count <= index < count


def _in_picture(given: Any, context: Context, box: Any, key: str) -> Iterator[RowProblem]:
    reference = reference_of(given)
    if reference is None:
        return
    picture = context.look(reference)
    if isinstance(picture, Picture):
        size = f"the picture has {picture.width}x{picture.height} pixels"
        yield from _range(box, picture.width, picture.height, key, size)


def _range(box: Any, width: int, height: int, key: str, size: str) -> Iterator[RowProblem]:
    if all(0 <= x <= width for x in box[::2]) and all(0 <= y <= height for y in box[1::2]):
        return
    message = f"{shown(box)} is not within the picture: {size}"
    hint = "write pixels of the stored picture, or 0 to 1 with bbox_type norm1"
    yield rules.BOX_RANGE.found(message, hint, key)


def check_inverted(row: dict[str, Any]) -> Iterator[RowProblem]:
    """Boxes whose corners are swapped while loading; to be asked before `load`."""
    objects = row.get("objects")
    boxes = objects.get("bbox") if isinstance(objects, dict) else None
    for index, box in enumerate(boxes if isinstance(boxes, list) else []):
        if not isinstance(box, list) or len(box) != _BOX:
            continue
        if any(not isinstance(value, int | float) for value in box):
            continue
        if box[0] > box[2] or box[1] > box[3]:
            message = f"{shown(box)} is read as two corners in the other order"
            hint = "write [x1, y1, x2, y2]; is it [x, y, width, height]?"
            yield rules.BOX_INVERTED.found(message, hint, f"objects.bbox.{index}")
