"""Messages of a row as ms-swift pairs them (swift/template/base.py: _swift_prepare_inputs)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.dataset.tokens.row import CountedRow, Turn

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
