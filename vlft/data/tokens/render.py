"""The texts that ms-swift hands to the tokenizer for a row, one after the other.

Neighbours of the same loss weight are tokenised as one text, others apart, and that changes how
many tokens they are (swift/template/base.py: _swift_encode, _simplify_context_list).
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vlft.models import PixelLimits, VideoTokens, Vision
    from vlft.models.chat import ChatTemplate


class Turn(NamedTuple):
    """One message.

    Attributes:
        role: system (first only), user, assistant, or tool.
        content: Its text, with `<image>` and the like in it. Of a tool: all that stands between
            the answers before and after it.
        loss: The message's own `loss`; None if it has none.
        loss_scale: The message's own `loss_scale`; None if it has none.
    """

    role: str
    content: str
    loss: bool | None = None
    loss_scale: float | None = None


class CountedRow(Struct, frozen=True):
    """What the length of a row depends on.

    Attributes:
        turns: The messages.
        images: Placeholders of each image, in the row's order.
        videos: The videos, in the row's order.
        refs: References of `objects`, as they are; see `object_texts`.
        boxes: Boxes of `objects`, as the template writes them; see `object_texts`.
        prompt: The system prompt as it is written, where it names tools; else None.
    """

    turns: Sequence[Turn]
    images: Sequence[int] = ()
    videos: Sequence[VideoTokens] = ()
    refs: Sequence[str] = ()
    boxes: Sequence[str] = ()
    prompt: str | None = None


Size = tuple[int, int]
"""Width and height in pixels."""


def object_texts(
    template: ChatTemplate,
    objects: Mapping[str, Any],
    sizes: Sequence[Size],
    vision: Vision | None,
    limits: PixelLimits | None,
    *,
    legacy: bool = True,
) -> tuple[list[str], list[str]]:
    """Texts in place of `<ref-object>` and `<bbox>` (normalize_bbox, replace_ref, replace_bbox).

    Args:
        template: The template; `--norm_bbox` changes its box_scale.
        objects: `ref`, `bbox`, `bbox_type`, `image_id` of the row, as it was loaded.
        sizes: Of the row's images.
        vision: How the model makes tokens of pictures; None where the template does not need it.
        limits: Of the run and the row; None likewise.
        legacy: Whether QWENVL_BBOX_FORMAT is unset or `legacy`.

    Raises:
        IndexError: If a box names an image that the row does not have.
        TypeError: If a box is no list of numbers. ValueError and ZeroDivisionError likewise.
    """
    refs = [str(ref) for ref in objects.get("ref") or ()]
    boxes = [list(box) for box in objects.get("bbox") or ()]
    if sizes:
        images = list(objects.get("image_id") or ())
        images += [0] * (len(boxes) - len(images))
        relative = objects.get("bbox_type") == "norm1"
        scaled = []
        for box, image in zip(boxes, images, strict=False):
            old, new = (1, 1) if relative else sizes[image], (1000, 1000)
            if template.box_scale != "norm1000":
                new = _resized(sizes[image], vision, limits)
            scaled.append(_scaled(box, old, new))
        boxes = scaled
    return template.boxes.texts(refs, boxes, legacy=legacy)


def _resized(size: Size, vision: Vision | None, limits: PixelLimits | None) -> Size:
    """Of a picture after the resize; (0, 0) if ms-swift fails on it."""
    if vision is None or limits is None:
        return 0, 0
    height, width = vision.image(*size, limits).resized or (0, 0)
    return width, height


def _scaled(box: list[Any], old: Size, new: Size) -> list[Any]:
    even = len(box) // 2 * 2  # a last x without its y stays as it is
    places = enumerate(box[:even])
    return [round(value / old[at % 2] * new[at % 2]) for at, value in places] + box[even:]


_IMG = re.compile(r"<img>(.+?)</img>")
_START_IMAGE = "<start-image>"


class Round(NamedTuple):
    """A question and its answer; consecutive answers stay apart.

    Attributes:
        question: Its text.
        answers: Those to it.
        of_tool: Whether the question is all that stands between the answers around it.
    """

    question: str
    answers: tuple[Turn, ...]
    of_tool: bool = False


def system_and_rounds(row: CountedRow) -> tuple[str | None, list[Round]] | None:
    """The system prompt and the rounds; None for a row that ms-swift pairs in another way.

    That is one with other roles, with a system message later than first, or one whose texts
    hold `<img>path</img>` or `<start-image>`, which ms-swift takes for pictures.
    """
    turns = row.turns
    system = None
    if turns and turns[0].role == "system":
        system, turns = turns[0].content, turns[1:]
    if not turns or not _is_plain(turns, row):
        return None
    tagged = _with_tags(system, turns, row)
    rounds: list[Round] = []
    question, answers, of_tool = "", [], False
    for number, turn in enumerate(turns):
        content = tagged if number == 0 else turn.content
        if turn.role == "assistant":
            answers.append(turn._replace(content=content))
            continue
        if answers:
            rounds.append(Round(question, tuple(answers), of_tool))
            question, answers = "", []
        question += content
        of_tool = turn.role == "tool"
    rounds.append(Round(question, tuple(answers), of_tool))
    return system, rounds


def _is_plain(turns: Sequence[Turn], row: CountedRow) -> bool:
    before = ""
    for turn in turns:
        if turn.role == "tool":
            if before != "assistant":
                return False
        elif turn.role not in {"user", "assistant"}:
            return False
        if "</img>" in turn.content and not row.images and _IMG.search(turn.content):
            return False
        before = turn.role
    return not (turns[-1].role == "user" and turns[-1].content.endswith(_START_IMAGE))


def _with_tags(system: str | None, turns: Sequence[Turn], row: CountedRow) -> str:
    """The first message, after tags for the media that have none (_add_default_tags)."""
    first = turns[0].content
    for tag, count in (("<image>", len(row.images)), ("<video>", len(row.videos))):
        if count:
            told = sum(turn.content.count(tag) for turn in turns)
            told += system.count(tag) if system else 0
            first = tag * max(0, count - told) + first
    return first


LossStrategy = Literal["default", "last_round", "all"]

_TAGS = re.compile("(<image>|<video>|<ref-object>|<bbox>)")

# A text, or a number of tokens that need no tokenizer; and the weight of its loss.
_Part = tuple[str | int, float]


class Renderer:
    """Writes rows down by one template.

    Args:
        template: The template.
        around_image: Texts before and after an image's placeholders.
        end: The tokenizer's end of sequence.
        loss: `--loss_scale`, one of the plain strategies.
        suffix: Whether an answer gets the template's suffix: the tokenizer ends no text itself.
    """

    def __init__(
        self,
        template: ChatTemplate,
        around_image: tuple[str, str],
        end: str,
        loss: LossStrategy = "default",
        *,
        suffix: bool = True,
    ) -> None:
        self._template = template
        self._around_image = around_image
        self._stops = (*template.stop_words, end)
        self._loss = loss
        self._suffix = suffix
        self._other = 1.0 if loss == "all" else 0.0

    def pieces(self, row: CountedRow) -> tuple[list[str], int] | None:
        """Texts to be tokenised each by itself, and the number of tokens beside them.

        None for a row that ms-swift fails on, or writes in a way that is not known here.
        """
        read = system_and_rounds(row)
        if read is None:
            return None
        system, rounds = read
        parts = list(self._written(system if row.prompt is None else row.prompt, rounds))
        if row.images or row.videos or row.refs or row.boxes:
            with_media = self._with_media(parts, row)
            if with_media is None:
                return None
            parts = with_media
        texts, known = [], 0
        for weight, run in groupby((part for part in parts if part[0] != ""), key=_kind):
            if weight is None:
                known += sum(part for part, _ in run if isinstance(part, int))
            else:
                texts.append("".join(str(part) for part, _ in run))
        return texts, known

    def _written(self, system: str | None, rounds: list[Round]) -> Iterator[_Part]:
        template = self._template
        prompt = template.default_system if system is None else system
        if prompt and template.has_system:
            yield prompt.join(template.system_prefix), self._other
        if template.separator is None:
            rounds = rounds[-1:]
        for number, (question, answers, of_tool) in enumerate(rounds):
            asked = _numbered(question, number)
            asked = _filled(asked, prompt) if of_tool else asked.join(template.prompt)
            yield asked, self._other
            is_last = number == len(rounds) - 1
            for turn in answers:
                yield turn.content, self._weight(turn, is_last)
            if not is_last:
                if not rounds[number + 1].of_tool:
                    yield template.separator or "", self._other
            elif self._suffix and answers and not answers[-1].content.endswith(self._stops):
                yield (1 if template.suffix is None else template.suffix), 1.0

    def _weight(self, turn: Turn, is_last: bool) -> float:
        counts = turn.loss if turn.loss is not None else self._loss != "last_round" or is_last
        if not counts:
            return 0.0
        return 1.0 if turn.loss_scale is None else turn.loss_scale

    def _with_media(self, parts: list[_Part], row: CountedRow) -> list[_Part] | None:
        """With media in place of their tags; None if one is left, on which ms-swift fails.

        That is one whose tag is in a round that is not written down.
        """
        images, videos = iter(row.images), iter(row.videos)
        refs, boxes = iter(row.refs), iter(row.boxes)
        before, after = self._around_image
        made: list[_Part] = []
        for text, weight in parts:
            if not isinstance(text, str):
                made.append((text, weight))
                continue
            for part in _TAGS.split(text):
                if part == "<image>" and (image := next(images, None)) is not None:
                    made += [(before, 0.0), (image, 0.0), (after, 0.0)]
                elif part == "<video>" and (video := next(videos, None)) is not None:
                    apart = [] if self._template.video_inside else [(0, 0.0)]
                    made += [*apart, *((piece, 0.0) for piece in video.parts), *apart]
                elif part == "<ref-object>" and (ref := next(refs, None)) is not None:
                    made.append((ref, weight))
                elif part == "<bbox>" and (box := next(boxes, None)) is not None:
                    made.append((box, weight))
                else:
                    made.append((part, weight))
        left = next(images, None) is not None or next(videos, None) is not None
        return None if left else made


def _numbered(question: str, number: int) -> str:
    """With the marks replaced that ms-swift takes for the number of the round."""
    if "{{ROUND" not in question:
        return question
    return question.replace("{{ROUND0}}", str(number)).replace("{{ROUND1}}", str(number + 1))


def _filled(answer: str, system: str | None) -> str:
    """A tool's answer, with the marks replaced that ms-swift takes for its template's."""
    if "{{" not in answer:
        return answer
    if system is not None:
        answer = answer.replace("{{SYSTEM}}", system)
    return answer.replace("{{QUERY}}", "")


def _kind(part: _Part) -> float | None:
    """What may be joined: texts of one weight, and numbers."""
    return None if isinstance(part[0], int) else part[1]
