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
_CONTROL = re.compile(r"<\|(?:im_start|im_end|endoftext|vision_\w+|image_pad)\|>")
_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "observation": "tool",
    "tool_response": "tool",
    "function_call": "tool_call",
    "function-call": "tool_call",
    "function-response": "tool",
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
    _refuse_control(system, *(content for _, content in turns))
    text = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    if any(role == "user" and "{{ROUND" in content for role, content in turns):
        raise ValueError("a mark of the template's own")
    for role, content in _joined(turns):
        text += f"<|im_start|>{role}\n{content}<|im_end|>\n"
    if turns and turns[-1][0] == "user":
        text += "<|im_start|>assistant\n"
    text = re.sub("<image>", _PICTURE, text, flags=re.IGNORECASE)
    return _with_objects(text, row.get("objects"), sizes)


def _refuse_control(*texts: str) -> None:
    """A text says nothing with the model's own marks; they are not text to its tokenizer."""
    for text in texts:
        if _CONTROL.search(text):
            raise ValueError(text)


def _joined(turns: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """An empty turn beside one of the same role adds nothing to it."""
    found: list[tuple[str, str]] = []
    for role, content in turns:
        if found and found[-1][0] == role and "" in {content, found[-1][1]}:
            found[-1] = (role, found[-1][1] + content)
        else:
            found.append((role, content))
    return found


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


_ANSWERS = ("response", "answer", "answers", "output", "solution", "text", "content")
_ANSWERS += ("completion", "respones", "antwort")


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
        (named[k] for k in _ANSWERS if named.get(k) is not None),
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
        "<ref-object>", lambda _: f"<|object_ref_start|>{_name(next(refs))}<|object_ref_end|>", text
    )
    written = iter([_box(box, objects, sizes, index) for index, box in enumerate(boxes)])
    text = re.sub("<bbox>", lambda _: f"<|box_start|>{next(written)}<|box_end|>", text)
    if next(written, None) is not None:
        raise ValueError("a box has no place")
    return text


def _name(ref: Any) -> str:
    if not isinstance(ref, str):
        raise TypeError("a name is a text")
    return ref


def _box(box: list[float], objects: Any, sizes: list[tuple[int, int]], index: int) -> str:
    ids = objects.get("image_id") or []
    width, height = sizes[ids[index] if index < len(ids) else 0]
    if objects.get("bbox_type") == "norm1":
        width = height = 1
    if objects.get("bbox_type") == "norm1000":
        width = height = 1000
    if min(ids, default=0) < 0 or any(not 0 <= x <= width for x in box[::2]):
        raise ValueError("not within the picture")
    if any(not 0 <= y <= height for y in box[1::2]):
        raise ValueError("not within the picture")
    points = [
        (round(x / width * 1000), round(y / height * 1000))
        for x, y in zip(box[::2], box[1::2], strict=True)
    ]
    if len(points) == 2:
        (x1, y1), (x2, y2) = points
        points = [(min(x1, x2), min(y1, y2)), (max(x1, x2), max(y1, y2))]
    return ",".join(f"({x},{y})" for x, y in points)
