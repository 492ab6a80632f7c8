"""Everything that is wrong with a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.data import rules
from vlft.data.findings import RowLostError, RowProblem
from vlft.data.rows.comparisons import check_candidates, check_preferences
from vlft.data.rows.length import check_length
from vlft.data.rows.load import load
from vlft.data.rows.media import Context, check_images, check_videos
from vlft.data.rows.sample import Sample, to_sample
from vlft.data.rows.tags import check_boxes, check_inverted, check_specials, check_tags
from vlft.data.rows.turns import check_tools, check_turns
from vlft.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


_READ = frozenset(
    {"messages", "conversations", "conversation", "query", "response", "system", "history"}
)


def reshaped(row: dict[str, Any], conformed: dict[str, Any]) -> Iterator[RowProblem]:
    """Texts of the row that ms-swift gets in another form.

    Args:
        row: As the file has it.
        conformed: As `Schema.conform` gives it.
    """
    for column, value in row.items():
        if column.lower() in _READ:
            for key, before, after in _changed(value, conformed.get(column), column):
                message = f"the text {shown(before)} comes back as {shown(after)}"
                hint = "write all contents of the file as texts, or all as lists of parts"
                yield rules.RESHAPED.found(message, hint, key)


def _changed(before: Any, after: Any, key: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, str):
        # A list of messages may stand as JSON text: ms-swift reads either.
        whole = key.count(".") == 0 and isinstance(after, list)
        if before != after and not whole:
            yield key, before, getattr(after, "number", after)
    elif isinstance(before, list) and isinstance(after, list):
        for index, (one, two) in enumerate(zip(before, after, strict=False)):
            yield from _changed(one, two, f"{key}.{index}")
    elif isinstance(before, dict) and isinstance(after, dict):
        for name, value in before.items():
            yield from _changed(value, after.get(name), f"{key}.{name}")


def check_lost(row: dict[str, Any], context: Context) -> Iterator[RowProblem]:
    """What stands in columns that vanish, though it was meant to be read.

    Args:
        row: As the file has it, before columns are renamed.
        context: Of the run.
    """
    for column, meant in context.lost.items():
        if row.get(column):
            message = f"the column {column} is not read"
            yield rules.LOST_COLUMN.found(message, f"name it {meant}", column)
    yield from _both_names(row, context)
    history = row.get("history")
    for index, entry in enumerate(history if isinstance(history, list) else []):
        if isinstance(entry, list) and len(entry) > 2:  # noqa: PLR2004 - a pair
            message = f"history entry {index} has {len(entry)} texts; only two are read"
            yield rules.LOST_COLUMN.found(message, "write [question, answer]", f"history.{index}")
    for target, names in context.columns.collisions.items():
        there = [name for name in names if row.get(name)]
        if target == "messages" or (context.columns.reader == "alpaca" and target == "query"):
            continue
        others = [name for name in there if name != target]
        if others and target not in names:
            message = f"{' and '.join(names)} both mean {target}, so neither is read"
            hint = f"keep one of them, named {target}"
            yield rules.LOST_COLUMN.found(message, hint, others[0])
        elif (
            others
            and target in {"images", "videos", "audios"}
            and row.get(target) != row.get(others[0])
        ):
            message = f"{others[0]} is not read where there is a column {target}"
            yield rules.LOST_COLUMN.found(message, f"put all of them into {target}", others[0])


def _both_names(row: dict[str, Any], context: Context) -> Iterator[RowProblem]:
    """Messages that have their text under two names."""
    messages = context.columns.named(row).get("messages")
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        if not isinstance(message, dict):
            continue
        read, lost = message.get("value"), message.get("content")
        if read is not None and lost is not None and read != lost:
            said = f"message {index} has a value and a content; only the value is read"
            yield rules.LOST_COLUMN.found(said, "keep one of them", f"messages.{index}.content")


CHECKS: tuple[Callable[[Sample, Context], Iterator[RowProblem]], ...] = (
    check_tools,
    check_images,
    check_videos,
    check_turns,
    check_tags,
    check_boxes,
    check_specials,
    check_length,
    check_preferences,
    check_candidates,
)


def judge(row: dict[str, Any], context: Context) -> tuple[list[RowProblem], Sample | None]:
    """Everything that is wrong with a row, and the row taken apart; None if it is lost before.

    Args:
        row: As `Schema.conform` gives it.
        context: Of the run and the file.
    """
    problems = list(check_lost(row, context))
    try:
        loaded = load(row, context.columns)
        problems += check_inverted(row)
        sample = to_sample(loaded, context.settings.cwd)
    except RowLostError as lost:
        return [lost.problem, *problems], None
    except (TypeError, KeyError, AttributeError, ValueError, IndexError) as error:
        return [*problems, _unencodable(error)], None
    for check in CHECKS:
        try:
            problems += check(sample, context)
        except (TypeError, KeyError, AttributeError, ValueError, IndexError) as error:
            problems.append(_unencodable(error))
            break
    return problems, sample


def _unencodable(error: Exception) -> RowProblem:
    message = f"ms-swift's template fails on it: {type(error).__name__}: {error}"
    return rules.UNENCODABLE.found(message, "bring the row into the form of the documentation")
