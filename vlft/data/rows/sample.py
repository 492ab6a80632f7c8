"""A loaded row as a template takes it apart (swift/template/template_inputs.py, base.py)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from vlft.data import rules
from vlft.data.rows.conversations import openai_messages
from vlft.text import kind, shown

if TYPE_CHECKING:
    from pathlib import Path


Message = dict[str, Any]
_INLINE = re.compile(r"<img>(.+?)</img>")
_MEDIA = ("images", "videos", "audios")


class Sample(msgspec.Struct):
    """A row with its texts and media apart.

    Attributes:
        system: The system prompt; None for the template's own.
        messages: All others, contents as text with tags for media.
        offset: Messages of the row that stand before the first of these.
        images: References: texts, bytes, or what the row has in their place.
        videos: Likewise.
        audios: Likewise.
        objects: Boxes and what they refer to; empty if there are none.
        row: All columns of the loaded row.
        inline: Whether the images stood in the text as `<img>path</img>`.
    """

    system: Any
    messages: list[Message]
    offset: int
    images: list[Any]
    videos: list[Any]
    audios: list[Any]
    objects: dict[str, Any] = msgspec.field(default_factory=dict)
    row: dict[str, Any] = msgspec.field(default_factory=dict)
    inline: bool = False

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Place in the row and text, in the order in which tags are replaced."""
        found = []
        if isinstance(self.system, str) and self.system:
            found.append((f"messages.{self.offset - 1}.content", self.system))
        for index, message in enumerate(self.messages):
            if isinstance(message["content"], str):
                found.append((f"messages.{index + self.offset}.content", message["content"]))
        return found


def to_sample(loaded: dict[str, Any], cwd: Path) -> Sample:
    """Takes a row apart.

    Args:
        loaded: From `load.load`; it is not changed.
        cwd: Working directory of the trainer.

    Raises:
        RowLostError: If ms-swift can't, and trains on another row instead.
    """
    messages = openai_messages([dict(message) for message in loaded["messages"]])
    system, offset = None, 0
    if messages and messages[0]["role"] == "system":
        system, offset = messages.pop(0)["content"], 1
    if not messages:
        raise rules.TURNS.lost("there is only a system message", "write a question and an answer")
    for message in messages:
        content = message["content"]
        if message["role"] == "tool_response":
            message["role"] = "tool"
        if message["role"] in {"tool_call", "tool"} and not isinstance(content, str):
            message["content"] = json.dumps(content, ensure_ascii=False, default=str)
    media = _take_media(messages, offset)
    for name in _MEDIA:
        given = _given(loaded, name)
        if media[name] and given:
            said = f"{name} stand both in the messages and in the {name} column"
            raise rules.MEDIA_TWICE.lost(said, "keep one of the two", name)
        media[name] = media[name] or given
    sample = Sample(
        system,
        messages,
        offset,
        media["images"],
        media["videos"],
        media["audios"],
        loaded.get("objects") or {},
        loaded,
    )
    if not sample.images:
        _inline_images(sample, cwd)
    return sample


def _given(loaded: dict[str, Any], name: str) -> list[Any]:
    value = loaded.get(name) or []
    if not isinstance(value, list):
        message = f"{name} is {kind(value)}"
        raise rules.MEDIA_FORM.lost(message, "write a list of paths", name)
    return list(value)


def _take_media(messages: list[Message], offset: int) -> dict[str, list[Any]]:
    """Turns contents in parts to text with tags; what they name, by column."""
    media: dict[str, list[Any]] = {name: [] for name in _MEDIA}
    for index, message in enumerate(messages):
        content = message["content"]
        key = f"messages.{index + offset}.content"
        if isinstance(content, str):
            continue
        if _is_tokens(content):
            if message["role"] == "user":
                said = f"the content of a question is {shown(content)}"
                raise rules.CONTENT_FORM.lost(said, "write it as a text", key)
            continue
        if content == {}:  # has no parts
            message["content"] = ""
            continue
        if not isinstance(content, list):
            shape = kind(content)
            hint = "write it as a text in quotes"
            if shape == "a date":
                hint = "pyarrow reads texts that are all dates as points in time: add a word"
            message_text = f"content is {shape}: {shown(getattr(content, 'text', content))}"
            raise rules.CONTENT_FORM.lost(message_text, hint, key)
        message["content"] = "".join(_part(part, media, key) for part in content)
    return media


def _is_tokens(content: Any) -> bool:
    if isinstance(content, dict):
        return "token_ids" in content
    return isinstance(content, list) and bool(content) and isinstance(content[0], int)


def _part(part: Any, media: dict[str, list[Any]], key: str) -> str:
    hint = 'write {"type": "text", "text": "…"} or {"type": "image", "image": "path"}'
    name = part.get("type") if isinstance(part, dict) else None
    if not isinstance(name, str):
        raise rules.PARTS.lost(f"a part of a content is {shown(part)}", hint, key)
    value = part.get(name)
    if name == "text":
        if not isinstance(value, str):
            message = f"the text of a part is {kind(value)}"
            raise rules.PARTS.lost(message, hint, key)
        return value
    name = name.removesuffix("_url")
    if isinstance(value, dict):
        if "url" not in value:
            raise rules.PARTS.lost(f"a part of a content is {shown(part)}", hint, key)
        value = value["url"]
    if value:
        if f"{name}s" not in media:
            message = f"a part has the type {shown(part['type'])}"
            raise rules.PARTS.lost(message, hint, key)
        media[f"{name}s"].append(value)
    return f"<{name}>"


def _inline_images(sample: Sample, cwd: Path) -> None:
    """`<img>path</img>` of ms-swift 1: the paths become images, if they are files."""
    for message in sample.messages:
        content = message["content"]
        if not isinstance(content, str) or "<img>" not in content:
            continue
        found = _INLINE.findall(content)
        sample.inline |= bool(found)
        sample.images += [path for path in found if _is_file(cwd, path)]
        message["content"] = _INLINE.sub("<image>", content)


def _is_file(cwd: Path, path: str) -> bool:
    try:
        return (cwd / path).is_file()
    except (OSError, ValueError):
        return False
