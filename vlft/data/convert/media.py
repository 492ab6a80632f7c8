"""Tags in texts, and what they stand for."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import TYPE_CHECKING

from vlft.data.convert.draft import TAGS, RejectError
from vlft.data.media.resolve import (
    KEPT,
    LONGEST_KEPT,
    MediaProbe,
    first_place,
    is_url,
    may_be_path,
    second_place,
)
from vlft.data.media.verdicts import Picture

if TYPE_CHECKING:
    from pathlib import Path

    from vlft.data.convert.draft import Draft

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


class Places:
    """Looks references up where ms-swift will, and beside the data file, where it will not.

    Args:
        folder: Of the data file.
        cwd: Working directory of the trainer.
        root_image_dir: Its ROOT_IMAGE_DIR, if set.
    """

    def __init__(self, folder: Path, cwd: Path, root_image_dir: Path | None) -> None:
        self._folder = str(folder.absolute())
        self._cwd = str(cwd)
        self._root = None if root_image_dir is None else str(root_image_dir)
        self._probe = MediaProbe(cwd, root_image_dir, check_end=False)
        self._kept = lru_cache(KEPT)(self._resolve)

    def resolve(self, reference: str) -> str:
        """The reference as it is, or absolute where only the data file's folder has it."""
        if len(reference) > LONGEST_KEPT:
            return self._resolve(reference)
        return self._kept(reference)

    def size(self, reference: str) -> tuple[int, int] | None:
        """Width and height of a picture in pixels; None if it can't be read."""
        found = self._probe.look(self.resolve(reference))
        return (found.width, found.height) if isinstance(found, Picture) else None

    def _resolve(self, reference: str) -> str:
        name = reference.strip()
        if (
            not name
            or not may_be_path(name)
            or is_url(name)
            or name.startswith(("data:", "/", "~"))
        ):
            return reference
        beside = os.path.normpath(os.path.join(self._folder, name))  # noqa: PTH118
        if not os.path.isfile(beside):  # noqa: PTH113 - never raises
            return reference
        places = first_place(name, self._cwd), second_place(name, self._cwd, self._root)
        return reference if any(map(os.path.exists, places)) else beside
