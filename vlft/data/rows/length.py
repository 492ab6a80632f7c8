"""How many tokens a row has, and whether it fits into max_length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec.structs import replace

from vlft.data import rules
from vlft.data.rows.media import Context, picture_of, tokens_of_videos
from vlft.data.rows.turns import is_exact, prompt_of, with_tools
from vlft.data.settings import agent_of
from vlft.models import SizeError, VideoTokens
from vlft.models.agents import AgentError, UntoldError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.findings import RowProblem
    from vlft.data.media.problems import Picture
    from vlft.data.rows.sample import Sample
    from vlft.data.tokens.render import CountedRow, Turn


_PLAIN = frozenset({"user", "assistant"})


def counted_row(sample: Sample, context: Context) -> CountedRow | None:
    """The row as it is counted; None for one that can't be told."""
    from vlft.data.tokens.render import CountedRow  # noqa: PLC0415

    if sample.audios:
        return None
    written = _turns(sample, context)
    if written is None:
        return None
    turns, prompt = written
    try:
        media = _media(sample, context)
        if media is None:
            return None
        refs, boxes = _objects(sample, context, media.pictures)
    except (SizeError, IndexError, TypeError, ValueError, ArithmeticError):
        return None
    return CountedRow(turns, media.images, media.videos, refs, boxes, prompt)


class _Media(NamedTuple):
    """The media of a row.

    Attributes:
        pictures: In order.
        images: Tokens of each of them.
        videos: In order.
    """

    pictures: list[Picture]
    images: list[int]
    videos: list[VideoTokens]

    @property
    def tokens(self) -> int:
        """Of pictures, with what stands around them at most, and of the frames of videos."""
        frames = sum(video.tokens for video in self.videos) if self.videos else 0
        return sum(self.images) + A_PICTURE * len(self.images) + frames


def _media(sample: Sample, context: Context) -> _Media | None:
    """The media of a row; None where one of them can't be used or told."""
    pictures: list[Picture] = []
    images: list[int] = []
    for given in sample.images:
        picture = picture_of(given, context)
        if picture is None:
            return None
        try:
            images.append(context.image_tokens(picture, sample.row) or 0)
        except SizeError:
            return None
        pictures.append(picture)
    videos = tokens_of_videos(sample.videos, sample.row, context)
    return None if videos is None else _Media(pictures, images, videos)


def _turns(sample: Sample, context: Context) -> tuple[list[Turn], str | None] | None:
    """The messages, with those of tools as text; and the system prompt if it names tools."""
    from vlft.data.tokens.render import Turn  # noqa: PLC0415

    messages: list[Any] = sample.messages
    if any(not isinstance(message["content"], str) for message in sample.messages):
        return None
    if sample.system is not None and not isinstance(sample.system, str):
        return None
    tools, prompt = sample.row.get("tools"), None
    if tools or any(message["role"] not in _PLAIN for message in messages):
        counter, agent = context.counter, agent_of(context.settings)
        if counter is None or agent is None or not is_exact(tools):
            return None
        try:
            prompt = prompt_of(tools or [], sample.system, agent, counter.template)
            messages = with_tools(messages, agent, counter.template)
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


def _objects(
    sample: Sample, context: Context, pictures: list[Picture]
) -> tuple[list[str], list[str]]:
    counter = context.counter
    if not sample.objects or counter is None:
        return [], []
    from vlft.data.tokens.render import object_texts  # noqa: PLC0415

    template = counter.template
    if context.settings.norm_bbox is not None:
        scale: Literal["norm1000", "resized"] = "norm1000"
        if context.settings.norm_bbox == "none":
            scale = "resized"
        template = replace(template, box_scale=scale)
    sizes = [(picture.width, picture.height) for picture in pictures]
    return object_texts(template, sample.objects, sizes, context.vision, context.limits)


OVERHEAD = 40
"""Tokens of the default system prompt and of the ends of a row, at most."""
A_MESSAGE = 8
"""Tokens around a message, at most."""
A_TOOL = 64
"""Tokens around a tool's call or answer, at most."""
A_PICTURE = 4
"""Tokens around a picture's placeholders, at most."""


def check_length(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Rows that may be too long, as far as sizes can tell."""
    limit = context.settings.max_length
    if limit is None:
        return
    media = _media(sample, context)
    if media is None:
        return
    pictures = media.tokens
    if context.settings.truncation == "split" and not (sample.images or sample.videos):
        return  # nothing is lost of a text
    if pictures > limit:
        yield too_long(pictures, limit, context, exact=False, videos=bool(sample.videos))
        return
    if media.videos:
        from vlft.data.tokens.rows import around_videos  # noqa: PLC0415 - few rows have any

        pictures += around_videos(media.videos)
    # What stands around tools is the template's: only counting tells.
    if pictures + text_bound(sample) > limit or (sample.row.get("tools") and context.counter):
        exact = _exactly(sample, context)
        if exact is not None:
            if exact > limit:
                videos = bool(sample.videos)
                yield too_long(exact, limit, context, exact=True, videos=videos)
            return
        if pictures + text_bound(sample) <= limit:
            return
        message = f"the pictures have {pictures} tokens, the texts at most {text_bound(sample)}"
        hint = f"give --model a folder with a tokenizer, to say whether {limit} are enough"
        yield rules.LENGTH_UNKNOWN.found(message, hint)


def _exactly(sample: Sample, context: Context) -> int | None:
    if context.counter is None:
        return None
    row = counted_row(sample, context)
    return None if row is None else context.counter.count(row)


def too_long(
    tokens: int, limit: int, context: Context, *, exact: bool, videos: bool = False
) -> RowProblem:
    """What to say of a row that does not fit."""
    media = "videos" if videos else "pictures"
    counted = f"{tokens} tokens" if exact else f"{tokens} tokens in its {media} alone"
    message = f"the row has {counted}, and max_length is {limit}"
    hint = "raise data.max_length, or lower pixels.max"
    if videos:
        lower = "lower pixels.video.max, .fps or .max_frames"
        if "video.max" not in context.family.pixel_variables:
            all_taken = context.settings.video_reader != "decord_bytes"
            lower = "cut the video: all of it is taken" if all_taken else "lower VIDEO_SEGMENTS"
        hint = f"raise data.max_length, or {lower}"
    rule = rules.TOO_LONG if context.settings.truncation == "raise" else rules.CUT
    return rule.found(message, hint)


def text_bound(sample: Sample) -> int:
    """No tokenizer of these families makes more tokens of the row's texts."""
    size = OVERHEAD
    if isinstance(sample.system, str):
        size += byte_bound(sample.system)
    for message in sample.messages:
        content = message["content"]
        size += A_MESSAGE + (A_TOOL if message["role"] in {"tool", "tool_call"} else 0)
        size += byte_bound(content) if isinstance(content, str) else 3 * len(str(content))
    for box in sample.objects.get("bbox") or []:
        size += 16 * len(box) if isinstance(box, list) else 16
    for ref in sample.objects.get("ref") or []:
        size += byte_bound(str(ref)) + 2
    if sample.row.get("tools"):
        size += 3 * len(str(sample.row["tools"]).encode("utf-8", "replace")) + 400
    return size


def byte_bound(text: str) -> int:
    """Tokens of a text, at most: its bytes, or three times as many where it is not ASCII.

    Tokenizers bring texts into Unicode's composed form first, which can lengthen them.
    """
    return len(text) if text.isascii() else 3 * len(text.encode("utf-8", "surrogatepass"))
