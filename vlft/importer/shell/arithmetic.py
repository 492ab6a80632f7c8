"""Whole-number arithmetic as `expr` and `$((…))` do it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.texts import Text
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Callable

_TOKEN: Final = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|\d{1,18})|(\*\*|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%()<>!?:&|^]))"
)
_LIMIT: Final = 1 << 63
_MAX_TOKENS: Final = 200
_MAX_BRACKETS: Final = 20


class NoNumberError(Exception):
    """The text is no arithmetic that is understood here."""


def computed(raw: str, text: str, written: str) -> Text:
    """An expression's value as a text, unknown with a reason if it is no arithmetic.

    Args:
        raw: What is written in the script.
        text: The same with its variables replaced.
        written: What to call it in a message.
    """
    try:
        value, lost = evaluate(text)
    except NoNumberError as problem:
        return Text(raw, f"{shown(written)} can't be computed: {problem}")
    notes = (f"{lost}: the shell drops what is left over",) if lost else ()
    return Text(str(value), None, notes)


def evaluate(text: str) -> tuple[int, str | None]:
    """The value of an expression of numbers, and a division in it that left a rest.

    Returns:
        The number, and `8 / 3 = 2` where a division was cut down; None where none was.

    Raises:
        NoNumberError: If it is not one, with what the shell would say.
    """
    tokens = _tokens(text)
    lost: list[str] = []
    value, at = _choice(tokens, 0, lost, 0)
    if at != len(tokens):
        message = f"`{tokens[at]}` stands where an operator is expected"
        raise NoNumberError(message)
    return value, lost[0] if lost else None


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at, text = 0, text.strip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None or len(tokens) >= _MAX_TOKENS:
            raise NoNumberError("it is no arithmetic of whole numbers")
        tokens.append(found[1] or found[2])
        at = found.end()
    if not tokens:
        raise NoNumberError("it is empty")
    return tokens


def _choice(tokens: list[str], at: int, lost: list[str], depth: int) -> tuple[int, int]:
    """`test ? one : other`, or what stands without it."""
    value, at = _level(tokens, at, lost, depth, 0)
    if at >= len(tokens) or tokens[at] != "?":
        return value, at
    one, at = _choice(tokens, at + 1, lost, depth + 1)
    if at >= len(tokens) or tokens[at] != ":":
        raise NoNumberError("`?` without `:`")
    other, at = _choice(tokens, at + 1, lost, depth + 1)
    return (one if value else other), at


def _level(tokens: list[str], at: int, lost: list[str], depth: int, level: int) -> tuple[int, int]:
    """Operators of one level of precedence, the weakest first."""
    if level == len(_LEVELS):
        return _powers(tokens, at, lost, depth)
    value, at = _level(tokens, at, lost, depth, level + 1)
    while at < len(tokens) and tokens[at] in _LEVELS[level]:
        operator = tokens[at]
        right, at = _level(tokens, at + 1, lost, depth, level + 1)
        if operator in "/%" and right == 0:
            raise NoNumberError("it divides by 0")
        made = _bounded(_LEVELS[level][operator](value, right))
        if operator == "/" and made * right != value:
            lost.append(f"{value} / {right} = {made}")
        value = made
    return value, at


def _powers(tokens: list[str], at: int, lost: list[str], depth: int) -> tuple[int, int]:
    value, at = _single(tokens, at, lost, depth)
    if at < len(tokens) and tokens[at] == "**":
        exponent, at = _powers(tokens, at + 1, lost, depth + 1)
        value = _bounded(_power(value, exponent))
    return value, at


def _single(tokens: list[str], at: int, lost: list[str], depth: int) -> tuple[int, int]:
    if at >= len(tokens):
        raise NoNumberError(f"a number is missing after `{tokens[-1]}`")
    word = tokens[at]
    if word in ("-", "+", "!") and depth < _MAX_TOKENS:
        value, after = _single(tokens, at + 1, lost, depth + 1)
        return {"-": -value, "+": value, "!": int(not value)}[word], after
    if word == "(":
        if depth > _MAX_BRACKETS:
            raise NoNumberError("its brackets are nested too deeply")
        value, after = _choice(tokens, at + 1, lost, depth + 1)
        if after >= len(tokens) or tokens[after] != ")":
            raise NoNumberError("a bracket is never closed")
        return value, after + 1
    if not word[0].isdigit():
        raise NoNumberError(f"a number is missing before `{word}`")
    if word[:2] in ("0x", "0X"):
        return _bounded(int(word, 16)), at + 1
    if word[0] == "0" and word.strip("0") and not word.strip("01234567"):
        return int(word, 8), at + 1
    return int(word), at + 1


def _power(value: int, exponent: int) -> int:
    if not 0 <= exponent < 64:  # noqa: PLR2004 - bits
        raise NoNumberError("its exponent is out of bounds")
    return int(value**exponent)


def _shift(value: int, bits: int) -> int:
    if not 0 <= bits < 64:  # noqa: PLR2004 - bits
        raise NoNumberError("it shifts out of bounds")
    return value << bits


def _quotient(value: int, right: int) -> int:
    """Towards zero, as in C."""
    made = abs(value) // abs(right)
    return made if (value < 0) == (right < 0) else -made


_LEVELS: Final[tuple[dict[str, Callable[[int, int], int]], ...]] = (
    {"||": lambda value, right: int(bool(value or right))},
    {"&&": lambda value, right: int(bool(value and right))},
    {"|": lambda value, right: value | right},
    {"^": lambda value, right: value ^ right},
    {"&": lambda value, right: value & right},
    {
        "==": lambda value, right: int(value == right),
        "!=": lambda value, right: int(value != right),
    },
    {
        "<": lambda value, right: int(value < right),
        "<=": lambda value, right: int(value <= right),
        ">": lambda value, right: int(value > right),
        ">=": lambda value, right: int(value >= right),
    },
    {"<<": _shift, ">>": lambda value, bits: value >> min(max(bits, 0), 64)},
    {"+": lambda value, right: value + right, "-": lambda value, right: value - right},
    {
        "*": lambda value, right: value * right,
        "/": _quotient,
        "%": lambda value, right: value - _quotient(value, right) * right,
    },
)


def _bounded(value: int) -> int:
    if not -_LIMIT <= value < _LIMIT:
        raise NoNumberError("it does not fit into 64 bits")
    return value
