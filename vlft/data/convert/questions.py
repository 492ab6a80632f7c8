"""Rows of question and answer: ms-swift v2, and LLaMA-Factory's alpaca form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.data.convert.draft import Draft, RejectError, kind_of, text_of
from vlft.data.rows.aliases import COLUMNS
from vlft.text import read_literal

if TYPE_CHECKING:
    from vlft.data.convert.draft import Columns


def question_draft(columns: Columns) -> Draft:
    """`query`, `response`, `history`, `system` under any of their names."""
    draft = Draft()
    if columns.has("instruction") and columns.has("input", "output") and not columns.has("query"):
        query = _instruction(columns, draft)
    else:
        query = columns.take(*COLUMNS["query"])
    if columns.has("chosen", "rejected"):
        response = _preference(columns, draft)
    else:
        response = columns.take(*COLUMNS["response"])
    if isinstance(response, list) and response:
        response = response[0]
        draft.changes.add("answer-list")
    _add(draft, "system", columns.take(*COLUMNS["system"]))
    for number, pair in enumerate(_history(columns.take("history")), start=1):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:  # noqa: PLR2004
            raise RejectError(f"pair {number} of history is no question and answer")
        if pair[1] is None:
            raise RejectError(f"pair {number} of history has no answer")
        _add(draft, "user", pair[0])
        _add(draft, "assistant", pair[1])
    _add(draft, "user", query)
    if response is None:
        raise RejectError("there is no answer")
    _add(draft, "assistant", response)
    tag = columns.take("kto_tag")
    if tag is not None:
        draft.kept["label"] = bool(tag)
        draft.changes.add("preference")
    draft.changes.add("to-messages")
    columns.finish(draft)
    return draft


def _instruction(columns: Columns, draft: Draft) -> str | None:
    """Alpaca's question: instruction and input, each on its line."""
    instruction, extra = columns.take("instruction"), columns.take("input")
    texts = [
        text_of(value, "instruction", draft.changes) for value in (instruction, extra) if value
    ]
    return "\n".join(texts) if texts else None


def _preference(columns: Columns, draft: Draft) -> Any:
    """The chosen answer; the rejected one goes into its column."""
    chosen, rejected = columns.take("chosen"), columns.take("rejected")
    if chosen is None or rejected is None:
        raise RejectError("chosen and rejected belong together, and one is missing")
    draft.kept["rejected_response"] = text_of(rejected, "rejected", draft.changes)
    draft.changes.add("preference")
    return chosen


def _history(value: Any) -> list[Any]:
    if value in (None, "", []):
        return []
    if isinstance(value, str):
        value = read_text(value, "history")
    if not isinstance(value, list):
        raise RejectError(f"history is {kind_of(value)}, not a list of pairs")
    return value


def read_text(text: str, name: str) -> Any:
    """A value that was written as text, in JSON or in Python's form.

    Raises:
        RejectError: If it is neither.
    """
    try:
        return read_literal(text)
    except ValueError:
        raise RejectError(f"{name} is a text that is neither JSON nor Python") from None


def _add(draft: Draft, role: str, content: Any) -> None:
    if content is None or (content == "" and role != "assistant"):
        return
    draft.messages.append({"role": role, "content": text_of(content, role, draft.changes)})
