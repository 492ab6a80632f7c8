"""Content in parts, as OpenAI and the chat templates of transformers have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.dataset.convert.draft import TAGS, RejectError, kind_of, text_of

if TYPE_CHECKING:
    from vlft.dataset.convert.changes import Change

_TEXT = frozenset({"text", "input_text", "output_text"})


def flatten(content: Any, number: int, changes: set[Change], media: dict[str, list[str]]) -> str:
    """The text of a message, with a tag for each part that is none.

    Args:
        content: Text, or a list of parts.
        number: Of the message, for messages.
        changes: Is added to.
        media: Column → references in order; is added to.

    Raises:
        RejectError: For content that is neither, and for parts that ms-swift does not know.
    """
    name = f"the content of message {number}"
    if not isinstance(content, list):
        return text_of(content, name, changes)
    changes.add("parts")
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(_literal(part, number))
            continue
        if not isinstance(part, dict):
            raise RejectError(f"a part of message {number} is {kind_of(part)}")
        kind = part.get("type")
        if kind in _TEXT:
            texts.append(_literal(text_of(part.get("text"), name, changes), number))
            continue
        column, reference = _reference(part, str(kind), number)
        media[column].append(reference)
        texts.append(TAGS[column])
    return "".join(texts)


def _literal(text: str, number: int) -> str:
    """Text of a part: what looks like a tag in it is none, and can't be told from one."""
    for tag in TAGS.values():
        if tag in text:
            raise RejectError(f"a text part of message {number} has {tag} in it, as plain text")
    return text


def _reference(part: dict[str, Any], kind: str, number: int) -> tuple[str, str]:
    """Column and reference of a part that is a picture, video or sound."""
    what = kind.removeprefix("input_").removesuffix("_url")
    column = f"{what}s"
    if column not in TAGS:
        raise RejectError(
            f"message {number} has a part of type {kind}, which ms-swift does not know"
        )
    value = next((part[key] for key in (kind, what, "url", "path", "source") if key in part), None)
    if isinstance(value, dict):
        value = _inner(value, what)
    if not isinstance(value, str) or not value:
        raise RejectError(f"the {what} of message {number} is {kind_of(value)}, not a path or URL")
    return column, value


def _inner(value: dict[str, Any], what: str) -> Any:
    """The reference in `{"url": …}`, `{"data": …, "format": …}` and their like."""
    if value.get("data"):
        form = value.get("media_type") or f"{what}/{value.get('format', '*')}"
        data = value["data"]
        return data if str(data).startswith("data:") else f"data:{form};base64,{data}"
    return value.get("url") or value.get("path")
