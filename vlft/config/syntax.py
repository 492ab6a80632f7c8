"""What a YAML syntax error most likely is, in words that say what to write.

libyaml stops at the first error, so there is at most one of these a file.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from vlft.config.places import printable, shown
from vlft.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable

    from yaml import MarkedYAMLError


class _Error(NamedTuple):
    """The parser's words and the lines that they are about."""

    context: str
    before: str  # of the line where reading stopped
    rest: str  # of that line, from the character on
    start: str  # the line where the construct starts


_Answer: TypeAlias = tuple[str, str]  # message and hint


class _Case(NamedTuple):
    """What the parser says, as a pattern, and what vlft makes of it."""

    pattern: str
    answer: _Answer | Callable[[_Error], _Answer]
    at_start: bool = False  # mended where the construct starts, not where reading stopped


def explain(error: MarkedYAMLError, text: str, file: str | None) -> Finding:
    """The finding for a parser error: what it likely is and what to write instead."""
    mark = error.problem_mark or error.context_mark
    start = error.context_mark or mark
    problem = printable(error.problem or "").lower()
    if mark is None or start is None:  # not seen: libyaml marks every error
        return Finding("config.syntax", "error", f"this is not YAML: {problem}", file=file)
    if conflict := _CONFLICT.search(text):
        message = "a merge conflict of git was left in the file"
        hint = "resolve it and remove the lines of <, = and >"
        number = text.count("\n", 0, conflict.start()) + 1
        return Finding("config.syntax", "error", message, "", file, number, 1, hint)
    lines = [*text.splitlines(), ""]
    line = lines[min(mark.line, len(lines) - 1)]
    about = _Error(
        error.context or "",
        line[: mark.column],
        line[mark.column :],
        lines[min(start.line, len(lines) - 1)],
    )
    said = f"{about.context}: {problem}"
    case = next((case for case in _CASES if re.search(case.pattern, said)), None)
    if case is None:
        message = f"this is not YAML: {problem}"
        hint = "put quotes around text that holds any of : # [ ] { } & * !"
    else:
        message, hint = case.answer if isinstance(case.answer, tuple) else case.answer(about)
    place = start if case is not None and case.at_start else mark
    where = (place.line + 1, place.column + 1)
    return Finding("config.syntax", "error", message, "", file, *where, hint)


_TAB: Final = ("the line is indented with a tab, which YAML does not allow", "indent with spaces")
_CONFLICT: Final = re.compile("^(?:<{7} |>{7} )", re.MULTILINE)


def _bad_start(e: _Error) -> _Answer:
    if e.rest.startswith("\t"):
        return _TAB
    sign = e.rest[:1]
    return f"a value can't start with `{sign}`", f'put all of it in quotes: "{sign}…"'


def _second_colon(e: _Error) -> _Answer:
    if ": " in e.before or e.before.endswith(('"', "'")):
        return (
            "a second `:` in one line: the first ended the key, and the value can't hold another",
            "put the value in quotes, or start a new line for the second key",
        )
    return (
        f"the key {shown(e.before.strip())} can't stand here",
        "add a missing `:` to the line above, or start keys of one map in the same column",
    )


def _no_colon(e: _Error) -> _Answer:
    word = e.start.strip()
    return f"{shown(word)} is no `key: value` and no list item", "add `: ` and a value"


def _bracket(e: _Error) -> _Answer:
    opening, closing = "[]" if "sequence" in e.context else "{}"
    return (
        f"after this `{opening}` a `{closing}` is missing, or a comma between two entries",
        f"add `{closing}` at its end, or the comma",
    )


def _expected_key(e: _Error) -> _Answer:
    before = e.before.rstrip()
    if not before and e.rest.startswith("- "):
        return "a list item stands where a key is expected", "indent the list under its key"
    if not before:
        return (
            "the line is indented differently from the keys that it belongs to",
            "start keys of one map in the same column",
        )
    if before.endswith(('"', "'")):
        return (
            f"text follows the closing quote: {shown(e.rest.strip())}",
            "put all of the value in quotes; inside '…' write a single quote twice",
        )
    return (
        f"{shown(e.rest.strip())} can't follow here",
        "put the value in quotes, or start a new line",
    )


def _no_name(e: _Error) -> _Answer:
    sign, kind = ("*", "alias") if "alias" in e.context else ("&", "anchor")
    message = f"a value that starts with `{sign}` is a YAML {kind}, and its name can't be read"
    return message, f'put the value in quotes if it is text: "{sign}…"'


def _escape(e: _Error) -> _Answer:
    return (
        f"{shown(e.rest[:2])} is no escape that YAML knows",
        "write the text in 'single quotes', where a backslash is only a backslash",
    )


def _no_value(e: _Error) -> _Answer:
    before = f" before {shown(e.rest[:1])}" if e.rest else ""
    return (
        f"a value is expected{before}",
        "remove one comma or bracket, add a missing bracket, or put the value in quotes",
    )


# The first that matches counts.
_CASES: Final = (
    _Case("tab character", _TAB),
    _Case("cannot start any token", _bad_start),
    _Case("mapping values are not allowed", _second_colon),
    _Case("could not find expected ':'", _no_colon, at_start=True),
    _Case(
        "quoted scalar: found unexpected",
        ("a quoted text starts here and does not end", "add the closing quote"),
        at_start=True,
    ),
    _Case("expected ',' or '[]}]'", _bracket, at_start=True),
    _Case("did not find expected key", _expected_key),
    _Case(
        "block sequence entries are not allowed",
        (
            "a list item can't start in the line of its key",
            "start a new line for each `- `, or write [first, second]",
        ),
    ),
    _Case(
        "expected '-' indicator",
        (
            "what follows the list here is no list item",
            "start each item with `- ` in the same column, and indent what belongs to it",
        ),
    ),
    _Case("scanning an (alias|anchor)", _no_name),
    _Case("escape|hexdecimal|unicode character", _escape),
    _Case("expected node content", _no_value),
    _Case(
        "block scalar",
        (
            "after `|` and `>` a text starts on the next line; something else follows here",
            "start the text on a new line, or put the value in quotes",
        ),
    ),
    _Case(
        "directive|incompatible yaml",
        ("a line that starts with `%` is a directive of YAML, and not a known one", "remove it"),
    ),
    _Case(
        r"\btag\b",
        (
            "a value that starts with `!` is a YAML tag, and this one can't be read",
            "put the value in quotes if it is text",
        ),
    ),
    _Case(
        "expected <document start>",
        (
            "the YAML document has ended above, and something follows",
            "remove a `...` line, or a closing bracket that comes too early",
        ),
    ),
)
