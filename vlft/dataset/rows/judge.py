"""All rules of rows, in the order in which ms-swift meets what they look at.

A new rule is one function here or in a module beside it, from a sample and a context to
problems, and one row that breaks it in tests/swift/row_forms.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.dataset.fates import RowLostError
from vlft.dataset.loading.load import load
from vlft.dataset.rows import rules
from vlft.dataset.rows.boxes import check_boxes, check_inverted
from vlft.dataset.rows.images import check_images
from vlft.dataset.rows.length import check_length
from vlft.dataset.rows.lost import check_lost
from vlft.dataset.rows.preferences import check_preferences
from vlft.dataset.rows.retrieval import check_candidates
from vlft.dataset.rows.sample import Sample, to_sample
from vlft.dataset.rows.specials import check_specials
from vlft.dataset.rows.tags import check_tags
from vlft.dataset.rows.turns import check_tools, check_turns
from vlft.dataset.rows.videos import check_videos

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vlft.dataset.fates import RowProblem
    from vlft.dataset.rows.context import Context

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
        sample = to_sample(loaded, context)
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
