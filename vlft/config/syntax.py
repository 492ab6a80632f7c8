"""What makes a text unfit for the parser of YAML, and what a syntax error most likely is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from vlft.config.entry import printable, shown
from vlft.findings import Finding

if TYPE_CHECKING:
    from yaml import MarkedYAMLError


MAX_BYTES: Final = 1 << 20
"""Bytes of one file: 1 MiB."""

MAX_TAG_DIRECTIVES: Final = 32
"""%TAG lines of one file; libyaml compares each with every other."""

# What YAML does not let a file hold: https://yaml.org/spec/1.2.2/#51-character-set
# Compiling the set of what it does let takes 10 ms.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
)


class _Case(NamedTuple):
    """What the parser says, and what vlft makes of it.

    Attributes:
        problem: Pattern of what the parser says.
        message: What it likely is; names in braces are those that `explain` fills in.
        hint: What to write instead.
        line: Pattern of the line where reading stopped, with a line break at that place.
        at_start: Whether it is mended where the construct starts, not where reading stopped.
    """

    problem: str
    message: str
    hint: str
    line: str = ""
    at_start: bool = False


def check_text(text: str, file: str | None) -> list[Finding]:
    """What makes a text unfit for the parser: its size, characters, directives."""
    if len(text) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES >> 20} MiB, the limit for a config"
        return [Finding("config.too-large", "error", message, file=file)]
    if text.count("%TAG") > MAX_TAG_DIRECTIVES:
        message = f"the file holds more than {MAX_TAG_DIRECTIVES} times %TAG"
        hint = "remove them: a config needs no tags"
        return [Finding("config.tag", "error", message, file=file, line=1, column=1, hint=hint)]
    wrong = _FORBIDDEN.search(text)
    if wrong is None:
        return []
    line, start = text.count("\n", 0, wrong.start()) + 1, text.rfind("\n", 0, wrong.start()) + 1
    message = f"the character U+{ord(wrong[0]):04X} is not allowed in YAML"
    hint = 'remove it; in "double quotes" an escape such as \\x07 can stand for it'
    if wrong[0] == "\0":
        hint = "this may be no text file, or one in UTF-16: save it as UTF-8"
    column = wrong.start() - start + 1
    return [Finding("config.control-character", "error", message, "", file, line, column, hint)]


def explain(error: MarkedYAMLError, text: str, file: str | None) -> Finding:
    """The finding for a parser error."""
    problem = printable(error.problem or "").lower()
    mark = error.problem_mark or error.context_mark
    start = error.context_mark or mark
    if mark is None or start is None:  # not seen: libyaml marks every error
        return Finding("config.syntax", "error", f"this is not YAML: {problem}", file=file)
    if conflict := re.search("^(?:<{7} |>{7} )", text, re.MULTILINE):
        message = "a merge conflict of git was left in the file"
        hint = "resolve it and remove the lines of <, = and >"
        number = text.count("\n", 0, conflict.start()) + 1
        return Finding("config.syntax", "error", message, "", file, number, 1, hint)
    lines = [*text.splitlines(), ""]
    line = lines[min(mark.line, len(lines) - 1)]
    before, rest = line[: mark.column], line[mark.column :]
    context = error.context or ""
    open_, close = ("[", "]") if "sequence" in context else ("{", "}")
    said, stopped = f"{context}: {problem}", f"{before}\n{rest}"
    case = next(
        case for case in _CASES if re.search(case.problem, said) and re.search(case.line, stopped)
    )
    words = {
        "problem": problem,
        "open": open_,
        "close": close,
        "mark": "*" if "alias" in context else "&",
        "kind": "alias" if "alias" in context else "anchor",
        "sign": rest[:1],
        "where": f" before {shown(rest[:1])}" if rest else "",
        "two": shown(rest[:2]),
        "rest": shown(rest.strip()),
        "before": shown(before.strip()),
        "start": shown(lines[min(start.line, len(lines) - 1)].strip()),
    }
    message, hint = case.message.format(**words), case.hint.format(**words)
    place = start if case.at_start else mark
    where = (place.line + 1, place.column + 1)
    return Finding("config.syntax", "error", message, "", file, *where, hint)


_TAB: Final = ("the line is indented with a tab, which YAML does not allow", "indent with spaces")
_NO_KEY: Final = "did not find expected key"

# The first that matches counts; the last one always does.
_CASES: Final = (
    _Case("tab character", *_TAB),
    _Case("cannot start any token", *_TAB, line=r"\n\t"),
    _Case(
        "cannot start any token",
        "a value can't start with `{sign}`",
        'put all of it in quotes: "{sign}…"',
    ),
    _Case(
        "mapping values are not allowed",
        "a second `:` in one line: the first ended the key, and the value can't hold another",
        "put the value in quotes, or start a new line for the second key",
        line=r"^.*: .*\n|[\"']\n",
    ),
    _Case(
        "mapping values are not allowed",
        "the key {before} can't stand here",
        "add a missing `:` to the line above, or start keys of one map in the same column",
    ),
    _Case(
        "could not find expected ':'",
        "{start} is no `key: value` and no list item",
        "add `: ` and a value",
        at_start=True,
    ),
    _Case(
        "quoted scalar: found unexpected",
        "a quoted text starts here and does not end",
        "add the closing quote",
        at_start=True,
    ),
    _Case(
        "expected ',' or '[]}]'",
        "after this `{open}` a `{close}` is missing, or a comma between two entries",
        "add `{close}` at its end, or the comma",
        at_start=True,
    ),
    _Case(
        _NO_KEY,
        "a list item stands where a key is expected",
        "indent the list under its key",
        line=r"^\s*\n- ",
    ),
    _Case(
        _NO_KEY,
        "the line is indented differently from the keys that it belongs to",
        "start keys of one map in the same column",
        line=r"^\s*\n",
    ),
    _Case(
        _NO_KEY,
        "text follows the closing quote: {rest}",
        "put all of the value in quotes; inside '…' write a single quote twice",
        line=r"[\"']\s*\n",
    ),
    _Case(_NO_KEY, "{rest} can't follow here", "put the value in quotes, or start a new line"),
    _Case(
        "block sequence entries are not allowed",
        "a list item can't start in the line of its key",
        "start a new line for each `- `, or write [first, second]",
    ),
    _Case(
        "expected '-' indicator",
        "what follows the list here is no list item",
        "start each item with `- ` in the same column, and indent what belongs to it",
    ),
    _Case(
        "scanning an (alias|anchor)",
        "a value that starts with `{mark}` is a YAML {kind}, and its name can't be read",
        'put the value in quotes if it is text: "{mark}…"',
    ),
    _Case(
        "escape|hexdecimal|unicode character",
        "{two} is no escape that YAML knows",
        "write the text in 'single quotes', where a backslash is only a backslash",
    ),
    _Case(
        "expected node content",
        "a value is expected{where}",
        "remove one comma or bracket, add a missing bracket, or put the value in quotes",
    ),
    _Case(
        "block scalar",
        "after `|` and `>` a text starts on the next line; something else follows here",
        "start the text on a new line, or put the value in quotes",
    ),
    _Case(
        "directive|incompatible yaml",
        "a line that starts with `%` is a directive of YAML, and not a known one",
        "remove it",
    ),
    _Case(
        r"\btag\b",
        "a value that starts with `!` is a YAML tag, and this one can't be read",
        "put the value in quotes if it is text",
    ),
    _Case(
        "expected <document start>",
        "the YAML document has ended above, and something follows",
        "remove a `...` line, or a closing bracket that comes too early",
    ),
    _Case(
        "",
        "this is not YAML: {problem}",
        "put quotes around text that holds any of : # [ ] {{ }} & * !",
    ),
)
