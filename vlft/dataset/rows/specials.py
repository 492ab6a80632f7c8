"""Control tokens of the model that stand as text in a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vlft.dataset.rows import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.dataset.fates import RowProblem
    from vlft.dataset.rows.context import Context
    from vlft.dataset.rows.sample import Sample

# Those for boxes, references and tool calls are legal text: Qwen's own data writes them so.
_CHATML = ("endoftext", "im_start", "im_end")
_QWEN = (
    *_CHATML,
    "vision_start",
    "vision_end",
    "vision_pad",
    "image_pad",
    "video_pad",
    "fim_prefix",
    "fim_middle",
    "fim_suffix",
    "fim_pad",
    "repo_name",
    "file_sep",
)
OF_QWEN = re.compile(rf"<\|(?:{'|'.join(_QWEN)})\|>")
OF_INTERNVL = re.compile(rf"<\|(?:{'|'.join(_CHATML)})\|>|</?img>|<IMG_CONTEXT>")
_NEVER = re.compile(r"(?!)")
_MARKS = {
    "user": re.compile(r"\{\{ROUND[01]\}\}"),
    "tool": re.compile(r"\{\{(?:ROUND[01]|SYSTEM|QUERY)\}\}"),
    "assistant": _NEVER,
    "tool_call": _NEVER,
    "system": _NEVER,
}
"""Role → marks of the template's own that it fills in."""


def check_specials(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Control tokens in texts, and the template's own marks."""
    pattern = OF_QWEN if context.of_qwen else OF_INTERNVL
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
