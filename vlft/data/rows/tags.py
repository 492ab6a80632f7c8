"""Tags in the texts against the media of the row."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from vlft.data import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.outcomes import RowProblem
    from vlft.data.rows.context import Context
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
        hint = f"paths start from {context.cwd}; better, use <image> and an images column"
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
