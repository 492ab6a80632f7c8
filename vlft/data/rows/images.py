"""What the media that a row names are."""

from __future__ import annotations

import functools
import importlib.util
from typing import TYPE_CHECKING, Any

from vlft.data.media import MediaProblem
from vlft.data.outcomes import row_rule
from vlft.data.rows import media_rules, rules
from vlft.models import SizeError
from vlft.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.media import Picture
    from vlft.data.outcomes import RowProblem
    from vlft.data.rows.context import Context
    from vlft.data.rows.sample import Sample

_KEYS = frozenset({"bytes", "path"})


def reference_of(given: Any) -> str | bytes | None:
    """A path, URL or base64 text, or the bytes of a file; None if ms-swift can't read it.

    Args:
        given: An entry of a loaded row. The content of an object's `bytes` is taken as it
            stands, for a picture file: JSON has no bytes, and base64 is not decoded there.
    """
    if isinstance(given, dict):
        if "bytes" not in given and not given.keys() <= _KEYS:
            return None
        content = given.get("bytes")
        if isinstance(content, str) and content:
            return content.encode("utf-8", "surrogatepass")
        given = content or given.get("path")
    return given if isinstance(given, str | bytes) else None


_EIGHT = 8
UNJUDGED = row_rule(
    "row.media-unjudged",
    "info",
    "unknown",
    "Formats other than JPEG, PNG and WebP take Pillow to judge.",
    "vlft: pip install 'vlft[data]'",
)


def check_images(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Pictures that can't be read, or are not trained on as people see them."""
    for index, given in enumerate(sample.images):
        key = f"images.{index}"
        reference = reference_of(given)
        if reference is None:
            message = f"an image is {shown(given)}"
            yield rules.MEDIA_FORM.found(message, "write the path as a text", key)
            continue
        found = context.look(reference)
        if isinstance(found, MediaProblem):
            yield _problem(found, key)
        else:
            yield from _picture(found, reference, sample, context, key)


def _problem(found: MediaProblem, key: str) -> RowProblem:
    rule = media_rules.BY_KIND[found.kind]
    if found.kind == "unreadable" and not _has_pillow():
        rule = UNJUDGED
    return rule.found(found.message, found.hint, key)


@functools.cache
def _has_pillow() -> bool:
    return importlib.util.find_spec("PIL") is not None


def _picture(
    found: Picture, reference: str | bytes, sample: Sample, context: Context, key: str
) -> Iterator[RowProblem]:
    name = shown(reference if isinstance(reference, str) else "a picture in the row")
    try:
        context.image_tokens(found, sample.row)
    except SizeError as error:
        message = f"{name} has {found.width}x{found.height} pixels: {error}"
        yield media_rules.RATIO.found(message, "cut it into pieces, or leave the row out", key)
    yield from picture_problems(found, name, key, boxes=bool(sample.objects.get("bbox")))


def picture_problems(
    found: Picture, name: str, key: str, *, boxes: bool = False
) -> Iterator[RowProblem]:
    """What is trained on otherwise than people see it."""
    if found.transparent:
        message = f"{name} has transparency, which ms-swift drops"
        hint = "put it on a background and save it as RGB"
        yield media_rules.TRANSPARENT.found(message, hint, key)
    if found.bits > _EIGHT:
        message = f"{name} has {found.bits} bits a channel, which ms-swift clips to white"
        yield media_rules.DEEP.found(message, "save it with 8 bits a channel", key)
    if found.orientation != 1:
        message = f"{name} is turned by EXIF orientation {found.orientation} only for viewers"
        hint = "turn its pixels (Pillow: ImageOps.exif_transpose) and save it"
        rule = media_rules.ROTATED_BOXES if boxes else media_rules.ROTATED
        yield rule.found(message, hint, key)
