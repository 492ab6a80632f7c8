"""Tags in the texts against the media and the boxes of the row.

swift/template/base.py: normalize_bbox.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vlft.data import rules
from vlft.data.rows.media import Context, picture_of
from vlft.text import kind, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.findings import RowProblem
    from vlft.data.rows.sample import Sample


_NAMES = ("image", "video", "audio")
_LIKE_TAGS = re.compile(r"<(image|video|audio|bbox|ref-object)>", re.IGNORECASE)
_INLINE = "<img>"


def check_tags(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Tags without media, media without tags."""
    texts = sample.texts
    media = {"image": sample.images, "video": sample.videos, "audio": sample.audios}
    if sample.inline and _tags("image", texts) > len(sample.images):
        message = "<img>…</img> names no file, and becomes the text <image>"
        hint = f"paths start from {context.settings.cwd}; better, use <image> and an images column"
        yield rules.INLINE.found(message, hint)
    else:
        for name in _NAMES:
            yield from _count(name, len(media[name]), texts, sample)
    for key, text in texts:
        if "<" in text:
            yield from _odd_tags(text, key, sample)


def _tags(name: str, texts: list[tuple[str, str]]) -> int:
    return sum(text.count(f"<{name}>") for _, text in texts)


def _count(
    name: str, count: int, texts: list[tuple[str, str]], sample: Sample
) -> Iterator[RowProblem]:
    tags = _tags(name, texts)
    if tags > count:
        there = f"{count} in {name}s" if count else f"no {name}s"
        message = f"{tags} <{name}> tag{'s' if tags > 1 else ''} and {there}"
        hint = f"a tag too many is trained as the text <{name}>: give it a file, or take it out"
        yield rules.TAGS_MANY.found(message, hint, _last_tag(name, texts))
    elif tags < count:
        alone = tags == 0 and sample.messages[0]["role"] == "user"
        # With one kind of media and no tag at all, the order is the one that is written.
        rule = rules.TAGS_NONE if alone else rules.TAGS_FEW
        message = f"{count} in {name}s and {tags or 'no'} <{name}> tag{'s' if tags > 1 else ''}"
        hint = (
            f"ms-swift puts {count - tags} before the first message: write them where they belong"
        )
        yield rule.found(message, hint, f"{name}s")


def _last_tag(name: str, texts: list[tuple[str, str]]) -> str:
    return next((key for key, text in reversed(texts) if f"<{name}>" in text), "")


def _odd_tags(text: str, key: str, sample: Sample) -> Iterator[RowProblem]:
    for match in _LIKE_TAGS.finditer(text):
        tag = match[0]
        if not tag.islower():
            hint = f"write {tag.lower()}"
            yield rules.TAG_CASE.found(f"{tag} is no tag but text", hint, key)
            break
    if sample.images and _INLINE in text and not sample.inline and "</img>" in text:
        message = "<img>…</img> in a row with an images column is text"
        yield rules.INLINE.found(message, "write <image> and keep the column", key)


_NEVER = re.compile(r"(?!)")
_MARKS = {
    "user": re.compile(r"\{\{ROUND[01]\}\}"),
    "tool": re.compile(r"\{\{(?:ROUND[01]|SYSTEM|QUERY)\}\}"),
    "assistant": _NEVER,
    "tool_call": _NEVER,
    "system": _NEVER,
}
"""Role → marks of the template's own that it fills in."""


@lru_cache
def _pattern(control_tokens: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, control_tokens)) or _NEVER.pattern)


def check_specials(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Control tokens in texts, and the template's own marks."""
    pattern = _pattern(context.family.control_tokens)
    for key, text in sample.texts:
        found = pattern.search(text) if "<" in text else None
        if found is not None:
            said = f"the text holds {found[0]}, which the tokenizer takes for a control token"
            hint = "take it out, or write it with a space: < |…|>"
            yield rules.SPECIAL_TOKEN.found(said, hint, key)
    for index, message in enumerate(sample.messages):
        content = message["content"]
        if not isinstance(content, str) or "{{" not in content:
            continue
        mark = _MARKS[_place(sample, index)].search(content)
        if mark is not None:
            text = f"{mark[0]} in a question becomes a number"
            if message["role"] == "tool":
                text = f"{mark[0]} in a tool's answer is filled in by the template"
            key = f"messages.{index + sample.offset}.content"
            yield rules.ROUND.found(text, "write it in another way", key)


def _place(sample: Sample, index: int) -> str:
    """Role of a message; `user` for a tool's answer that goes on with a question."""
    roles = [message["role"] for message in sample.messages[: index + 1]]
    role = roles.pop()
    while role == "tool" and roles and roles[-1] == "tool":
        roles.pop()
    return "user" if role == "tool" and roles and roles[-1] == "user" else role


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
    picture = picture_of(given, context)
    if picture is not None:
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
