"""What a row says, as the text that a Qwen2-VL should be trained on.

Written from the documentation of the formats and from what people mean by them, not from how
ms-swift or vlft read them: the judge compares it with what ms-swift really makes of the row.
"""

from __future__ import annotations

import ast
import json
import re
from typing import Any

DEFAULT_SYSTEM = "You are a helpful assistant."
_PICTURE = "<|vision_start|><|image_pad|><|vision_end|>"
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "observation": "tool",
    "tool_response": "tool",
    "function_call": "tool_call",
}


def meaning(row: dict[str, Any], sizes: list[tuple[int, int]]) -> str:
    """The text of a row.

    Args:
        row: As its author meant it.
        sizes: Width and height of its pictures, in order.
    """
    turns, pictures = _with_tools(_turns(row)), len(sizes)
    system = DEFAULT_SYSTEM
    if turns and turns[0][0] == "system":
        system = turns.pop(0)[1]
    if turns and turns[0][0] == "assistant":
        turns.insert(0, ("user", ""))
    if pictures and not any("<image>" in text for _, text in [("", system), *turns]):
        turns[0] = (turns[0][0], "<image>" * pictures + turns[0][1])
    text = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    for role, content in turns:
        text += f"<|im_start|>{role}\n{content}<|im_end|>\n"
    if turns and turns[-1][0] == "user":
        text += "<|im_start|>assistant\n"
    return _with_objects(text.replace("<image>", _PICTURE), row.get("objects"), sizes)


def _with_tools(turns: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Calls of tools and their answers, as Hermes writes them."""
    found: list[tuple[str, str]] = []
    for role, content in turns:
        if role == "tool_call":
            call = json.dumps(json.loads(content), ensure_ascii=False)
            found.append(("assistant", f"<tool_call>\n{call}\n</tool_call>"))
        elif role == "tool":
            found.append(("user", f"<tool_response>\n{content}\n</tool_response>"))
        else:
            found.append((role, content))
    return found


def _turns(row: dict[str, Any]) -> list[tuple[str, str]]:
    named = {key.lower(): value for key, value in row.items()}
    found: list[tuple[str, str]] = []
    system = named.get("system", named.get("system_prompt"))
    messages = next(
        (named[key] for key in ("messages", "conversations", "conversation") if named.get(key)),
        None,
    )
    if isinstance(messages, str):
        try:
            messages = json.loads(messages)
        except ValueError:
            messages = ast.literal_eval(messages)
    if messages is None:
        return _pairs(named, system)
    for message in messages:
        role = message.get("role", message.get("from"))
        if role is None:
            found += [
                ("user", message.get("human", message.get("user"))),
                ("assistant", message.get("assistant", message.get("bot", message.get("gpt")))),
            ]
        else:
            content = message.get("content", message.get("value"))
            found.append((_ROLES.get(role, role), _text(content)))
    if system is not None and found[0][0] != "system":
        found.insert(0, ("system", system))
    return found


def _pairs(named: dict[str, Any], system: str | None) -> list[tuple[str, str]]:
    history = named.get("history") or []
    if isinstance(history, str):
        history = ast.literal_eval(history)
    asked = ("query", "prompt", "question", "problem", "querry", "frage")
    query = next((named[k] for k in asked if named.get(k)), None)
    if query is None and ("instruction" in named or "input" in named):
        parts = [named.get("instruction"), named.get("input")]
        query = "\n".join(part for part in parts if part)
    response = next(
        (
            named[k]
            for k in ("response", "answer", "output", "solution", "text", "respones", "antwort")
            if named.get(k) is not None
        ),
        None,
    )
    if isinstance(response, list):
        response = response[0]
    found = [("system", system)] if system is not None else []
    for question, answer in [*history, [query, response]]:
        found += [("user", _text(question))] if question is not None else []
        found += [("assistant", _text(answer))] if answer is not None else []
    return found


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(
            part["text"] if part["type"] == "text" else f"<{part['type'].removesuffix('_url')}>"
            for part in content
        )
    return re.sub("<img>.*?</img>", "<image>", str(content))


def _with_objects(text: str, objects: Any, sizes: list[tuple[int, int]]) -> str:
    if not objects:
        return text
    if isinstance(objects, str):
        objects = json.loads(objects)
    refs, boxes = iter(objects.get("ref") or ()), objects.get("bbox") or []
    text = re.sub(
        "<ref-object>", lambda _: f"<|object_ref_start|>{next(refs)}<|object_ref_end|>", text
    )
    written = iter(_box(box, objects, sizes, index) for index, box in enumerate(boxes))
    return re.sub("<bbox>", lambda _: f"<|box_start|>{next(written)}<|box_end|>", text)


def _box(box: list[float], objects: Any, sizes: list[tuple[int, int]], index: int) -> str:
    ids = objects.get("image_id") or []
    width, height = sizes[ids[index] if index < len(ids) else 0]
    if objects.get("bbox_type") == "norm1":
        width = height = 1
    if objects.get("bbox_type") == "norm1000":
        width = height = 1000
    points = [
        (round(x / width * 1000), round(y / height * 1000))
        for x, y in zip(box[::2], box[1::2], strict=True)
    ]
    if len(points) == 2:
        (x1, y1), (x2, y2) = points
        points = [(min(x1, x2), min(y1, y2)), (max(x1, x2), max(y1, y2))]
    return ",".join(f"({x},{y})" for x, y in points)
