"""JSON values as pyarrow takes them: the slow way, which says exactly what is wrong."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlft.dataset.reading import problems

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.dataset.fates import RowProblem

_BLANK = re.compile(r"[ \t\n\r]*")
_LONE = re.compile(r"[\ud800-\udfff]")


class BrokenFileError(Exception):
    """A place at which pyarrow gives the whole file up.

    Attributes:
        problem: What is wrong.
        offset: Characters from the start of the text.
    """

    def __init__(self, problem: RowProblem, offset: int) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a text.

    Attributes:
        value: The value.
        start: Characters before it.
        end: Characters up to its end.
    """

    value: Any
    start: int
    end: int


class _DuplicateKeyError(ValueError):
    pass


class _NumberError(ValueError):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _DuplicateKeyError(key)
            seen.add(key)
    return made


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NumberError(text)
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_float)


def read_values(text: str, start: int = 0) -> Iterator[Value]:
    """All values of a text, with white space or nothing between them.

    Raises:
        BrokenFileError: Where pyarrow refuses the text.
    """
    at = start
    while True:
        match = _BLANK.match(text, at)
        at = match.end() if match else at
        if at == len(text):
            return
        try:
            value, end = _DECODER.raw_decode(text, at)
        except _DuplicateKeyError as error:
            message = f"an object has the key {json.dumps(error.args[0])} twice"
            problem = problems.DUPLICATE_KEY.found(message, "keep one of the two")
            raise BrokenFileError(problem, at) from None
        except _NumberError as error:
            problem = problems.NOT_JSON.found(f"the number {error.args[0][:40]} is too big")
            raise BrokenFileError(problem, at) from None
        except json.JSONDecodeError as error:
            raise BrokenFileError(_not_json(text, at, error), error.pos) from None
        except (ValueError, RecursionError) as error:
            problem = problems.NOT_JSON.found(f"the row can't be read: {error}")
            raise BrokenFileError(problem, at) from None
        if "\\u" in text[at:end] and _LONE.search(json.dumps(value, ensure_ascii=False)):
            problem = problems.SURROGATE.found(
                "a text holds half of a surrogate pair", "write the character itself, in UTF-8"
            )
            raise BrokenFileError(problem, at)
        yield Value(value, at, end)
        at = end


def _not_json(text: str, start: int, error: json.JSONDecodeError) -> RowProblem:
    said = error.msg[0].lower() + error.msg[1:]
    if error.pos >= len(text.rstrip()):
        return problems.NOT_JSON.found(
            f"the line is not JSON: it ends too early ({said})", "write the row again"
        )
    near = text[max(start, error.pos - 15) : error.pos + 10]
    hint = "mend the line, or take it out: ms-swift loads nothing of the file as it is"
    return problems.NOT_JSON.found(f"the line is not JSON: {said}, near {near!r}", hint)
