"""Samples as tokens are counted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from vlft.data.media import Picture
from vlft.data.rows.media import reference_of, tokens_of_videos
from vlft.data.settings import agent_of
from vlft.models import SizeError
from vlft.models.agents import AgentError, UntoldError

if TYPE_CHECKING:
    from vlft.data.rows.context import Context
    from vlft.data.rows.sample import Sample
    from vlft.data.tokens.types import CountedRow, Turn

_PLAIN = frozenset({"user", "assistant"})


def counted_row(sample: Sample, context: Context) -> CountedRow | None:
    """The row as it is counted; None for one that can't be told."""
    from vlft.data.tokens.types import CountedRow  # noqa: PLC0415

    if sample.audios:
        return None
    written = _turns(sample, context)
    if written is None:
        return None
    turns, prompt = written
    pictures = [_picture(given, context) for given in sample.images]
    found = [picture for picture in pictures if picture is not None]
    if len(found) < len(pictures):
        return None
    try:
        images = [context.image_tokens(picture, sample.row) or 0 for picture in found]
        videos = tokens_of_videos(sample.videos, sample.row, context)
        refs, boxes = _objects(sample, context, found)
    except (SizeError, IndexError, TypeError, ValueError, ArithmeticError):
        return None
    if videos is None:
        return None
    return CountedRow(turns, images, videos, refs, boxes, prompt)


def _turns(sample: Sample, context: Context) -> tuple[list[Turn], str | None] | None:
    """The messages, with those of tools as text; and the system prompt if it names tools."""
    from vlft.data.tokens.types import Turn  # noqa: PLC0415

    messages: list[Any] = sample.messages
    if any(not isinstance(message["content"], str) for message in sample.messages):
        return None
    if sample.system is not None and not isinstance(sample.system, str):
        return None
    tools, prompt = sample.row.get("tools"), None
    if tools or any(message["role"] not in _PLAIN for message in messages):
        from vlft.data.rows import tool_turns  # noqa: PLC0415 - few rows have any

        counter, agent = context.counter, agent_of(context.settings)
        if counter is None or agent is None or not tool_turns.is_exact(tools):
            return None
        try:
            prompt = tool_turns.prompt_of(tools or [], sample.system, agent, counter.template)
            messages = tool_turns.with_tools(messages, agent, counter.template)
        except (AgentError, UntoldError, TypeError, ValueError, AttributeError):
            return None
    turns = [] if sample.system is None else [Turn("system", sample.system)]
    return [
        *turns,
        *(
            Turn(one["role"], one["content"], one.get("loss"), one.get("loss_scale"))
            for one in messages
        ),
    ], prompt


def _picture(given: Any, context: Context) -> Picture | None:
    reference = reference_of(given)
    found = None if reference is None else context.look(reference)
    return found if isinstance(found, Picture) else None


def _objects(
    sample: Sample, context: Context, pictures: list[Picture]
) -> tuple[list[str], list[str]]:
    counter = context.counter
    if not sample.objects or counter is None:
        return [], []
    from vlft.data.tokens.types import object_texts  # noqa: PLC0415

    template = counter.template
    if context.settings.norm_bbox is not None:
        scale: Literal["norm1000", "resized"] = "norm1000"
        if context.settings.norm_bbox == "none":
            scale = "resized"
        template = replace(template, box_scale=scale)
    sizes = [(picture.width, picture.height) for picture in pictures]
    resized = [(0, 0)] * len(sizes)
    if template.box_scale != "norm1000" and context.vision is not None:
        made = [context.vision.image(*size, context.limits).resized for size in sizes]
        resized = [(width, height) for height, width in (size or (0, 0) for size in made)]
    return object_texts(template, sample.objects, sizes, resized)
