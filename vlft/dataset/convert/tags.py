"""Tags in texts, and what they stand for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vlft.dataset.convert.draft import TAGS, RejectError

if TYPE_CHECKING:
    from vlft.dataset.convert.draft import Draft

_INLINE = re.compile(r"(?:Picture \d+: ?)?<img>(.+?)</img>")
_INLINE_OR_TAG = re.compile(rf"{_INLINE.pattern}|<image>")


def move_inline_images(draft: Draft) -> None:
    """`<img>PATH</img>` and Qwen-VL's `Picture N: <img>PATH</img>` become tags and `images`.

    Pictures of the column keep their tags: both are counted in the order of the text.

    Raises:
        RejectError: If tags and column do not agree.
    """
    if not any("<img>" in message["content"] for message in draft.messages):
        return
    column = iter(draft.media.get("images", ()))
    images: list[str] = []

    def replace(match: re.Match[str]) -> str:
        reference = match[1] or next(column, None)
        if reference is None:
            raise RejectError("there are more <image> tags than images")
        images.append(reference)
        return TAGS["images"]

    for message in draft.messages:
        message["content"] = _INLINE_OR_TAG.sub(replace, message["content"])
    if next(column, None) is not None:
        raise RejectError("there are fewer <image> tags than images beside the inline ones")
    draft.media["images"] = images
    draft.changes.add("inline-image")


def settle_tags(draft: Draft) -> None:
    """Brings tags and media into agreement where there is only one way to.

    Raises:
        RejectError: Where there are several.
    """
    for column, tag in TAGS.items():
        expected = len(draft.media.get(column, ()))
        found = _count(draft, tag)
        if found != expected and _any_case(draft, tag) == expected:
            _lower(draft, tag)
            found = expected
        if found == expected:
            continue
        if found:
            raise RejectError(f"there are {found} {tag} tags and {expected} {column}")
        first = next((message for message in draft.messages if message["role"] == "user"), None)
        if first is None:
            raise RejectError(f"there is no question to put the {tag} tag into")
        first["content"] = tag * expected + first["content"]
        draft.changes.add("missing-tags")


def _count(draft: Draft, tag: str) -> int:
    return sum(message["content"].count(tag) for message in draft.messages)


def _any_case(draft: Draft, tag: str) -> int:
    return sum(message["content"].lower().count(tag) for message in draft.messages)


def _lower(draft: Draft, tag: str) -> None:
    pattern = re.compile(re.escape(tag), re.IGNORECASE)
    for message in draft.messages:
        message["content"] = pattern.sub(tag, message["content"])
    draft.changes.add("tag-case")
