"""Calls of tools and their answers as the Hermes agent template writes them.

It is the one of every Qwen-VL (swift/agent_template/hermes.py; swift/template/base.py:
_preprocess_tool_call, _preprocess_standalone_tools).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from vlft.dataset.rows.turns import parsed

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEXT_USER = "<|im_end|>\n<|im_start|>user\n"
_LOSS = ("loss", "loss_scale")


def with_tools(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """The messages as questions and answers; None where the template takes them otherwise.

    Args:
        messages: Of a sample; contents are texts.
    """
    found: list[dict[str, Any]] = []
    before = ""
    for message in messages:
        role, content = message["role"], message["content"]
        if role == "tool_call":
            call = _call(content)
            if call is None:
                return None
            if before == role:
                found[-1]["content"] += f"\n{call}"
            else:
                loss = {key: message[key] for key in _LOSS if key in message}
                found.append({"role": "assistant", "content": call, **loss})
        elif role == "tool":
            answer = f"<tool_response>\n{content}\n</tool_response>"
            if before == role:
                found[-1]["content"] += f"\n{answer}"
            elif before == "user":
                found[-1]["content"] += f"{_NEXT_USER}{answer}"
            elif found and "Action:" not in found[-1]["content"]:
                found.append({"role": "user", "content": answer})
            else:
                return None
        else:
            found.append(dict(message))
        before = role
    return found


def _call(content: str) -> str | None:
    call = parsed(content, None)
    if not isinstance(call, dict) or "name" not in call:
        return None
    arguments = call.get("arguments")
    arguments = parsed(call.get("parameters") if arguments is None else arguments, None)
    if arguments is None:
        return None
    text = json.dumps({"name": call["name"], "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{text}\n</tool_call>"
