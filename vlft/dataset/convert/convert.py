"""One row: what it is, and what it becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vlft.dataset.convert.columns import MESSAGES, QUERY, RESPONSE, Columns
from vlft.dataset.convert.conversations import conversation_draft
from vlft.dataset.convert.draft import RejectError
from vlft.dataset.convert.finish import finish, loads_as_it_is
from vlft.dataset.convert.questions import question_draft
from vlft.dataset.convert.tags import move_inline_images

if TYPE_CHECKING:
    from vlft.dataset.convert.changes import Change
    from vlft.dataset.convert.draft import Draft, Row
    from vlft.dataset.convert.places import Places

SourceForm = Literal["auto", "swift", "llamafactory", "openai"]


@dataclass(frozen=True, slots=True)
class Converted:
    """A row after its conversion.

    Attributes:
        row: For ms-swift 4.6.
        changes: What was done to it; empty if nothing was.
        left: Why it stays as it was, where mending it would be guessing; else None.
    """

    row: Row
    changes: tuple[Change, ...]
    left: str | None = None


def convert_row(row: Row, form: SourceForm, places: Places) -> Converted:
    """A row of any form that is known.

    Args:
        row: As read; is not changed.
        form: What it must be; auto takes each row for what it looks like.
        places: Where its media are.

    Raises:
        RejectError: If it can't be converted without guessing.
    """
    columns = Columns(row)
    draft = _draft(columns, form)
    if form in {"auto", "swift"}:
        move_inline_images(draft)
    made = finish(draft, places)
    return Converted(made, tuple(sorted(draft.changes)))


def fix_row(row: Row, places: Places) -> Converted:
    """A row of messages, mended where there is one way to.

    Raises:
        RejectError: If it would not load, and can't be mended.
    """
    if not {key.lower() for key in row} & set(MESSAGES):
        raise RejectError("it is no row of messages: convert the file without --fix")
    try:
        return convert_row(row, "swift", places)
    except RejectError as error:
        if not loads_as_it_is(row):
            raise
        return Converted(row, (), error.reason)


def _draft(columns: Columns, form: SourceForm) -> Draft:
    if columns.has(*MESSAGES):
        if form == "openai" and not columns.has("messages"):
            raise RejectError("there is no messages column, as OpenAI has it")
        return conversation_draft(columns)
    if form == "openai":
        raise RejectError("there is no messages column, as OpenAI has it")
    names = ("instruction", "input", "output", "chosen", "text") if form == "llamafactory" else ()
    if not columns.has(*(names or (*QUERY, *RESPONSE, "history", "chosen"))):
        raise RejectError("no column is known for a question, an answer or messages")
    return question_draft(columns)
