"""Whole-number arithmetic as `expr` and `$((…))` do it."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Final

from vlft.importer.shell.state import Text
from vlft.importer.spans import shown

if TYPE_CHECKING:
    from collections.abc import Callable

_TOKEN: Final = re.compile(
    r"\s*(?:(0[xX][0-9a-fA-F]+|\d{1,18})|(\*\*|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%()<>!?:&|^]))"
)
_LIMIT: Final = 1 << 63
_BITS: Final = 64
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
    expression = _Expression(_tokens(text))
    value = expression.choice(0)
    if expression.next:
        message = f"`{expression.next}` stands where an operator is expected"
        raise NoNumberError(message)
    return value, expression.lost


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


class _Expression:
    """An expression that is being read from left to right.

    Args:
        tokens: Numbers and operators.
    """

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0
        self.lost: str | None = None

    @property
    def next(self) -> str:
        """The token that follows; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _takes(self, token: str) -> bool:
        found = self.next == token
        self._at += found
        return found

    def choice(self, depth: int) -> int:
        """`test ? one : other`, or what stands without it."""
        if depth > _MAX_BRACKETS:
            raise NoNumberError("its brackets are nested too deeply")
        value = self._level(depth, 0)
        if not self._takes("?"):
            return value
        one = self.choice(depth + 1)
        if not self._takes(":"):
            raise NoNumberError("`?` without `:`")
        other = self.choice(depth + 1)
        return one if value else other

    def _level(self, depth: int, level: int) -> int:
        """Operators of one level of precedence, the weakest first."""
        if level == len(_LEVELS):
            return self._power(depth)
        value = self._level(depth, level + 1)
        while self.next in _LEVELS[level]:
            sign = self.next
            self._at += 1
            right = self._level(depth, level + 1)
            if sign in "/%" and right == 0:
                raise NoNumberError("it divides by 0")
            made = _bounded(int(_LEVELS[level][sign](value, right)))
            if sign == "/" and made * right != value:
                self.lost = self.lost or f"{value} / {right} = {made}"
            value = made
        return value

    def _power(self, depth: int) -> int:
        value = self._unary(depth)
        if not self._takes("**"):
            return value
        exponent = self._power(depth)
        if not 0 <= exponent < _BITS:
            raise NoNumberError("its exponent is out of bounds")
        return _bounded(int(value**exponent))

    def _unary(self, depth: int) -> int:
        found = self.next
        self._at += 1
        if not found:
            raise NoNumberError(f"a number is missing after `{self._tokens[-1]}`")
        if found in ("-", "+", "!"):
            value = self._unary(depth)
            return {"-": -value, "+": value, "!": int(not value)}[found]
        if found == "(":
            value = self.choice(depth + 1)
            if not self._takes(")"):
                raise NoNumberError("a bracket is never closed")
            return value
        if not found[:1].isdigit():
            raise NoNumberError(f"a number is missing before `{found}`")
        if found[:2] in ("0x", "0X"):
            return _bounded(int(found, 16))
        octal = found[0] == "0" and found.strip("0") and not found.strip("01234567")
        return int(found, 8) if octal else int(found)


def _shift(value: int, bits: int) -> int:
    if not 0 <= bits < _BITS:
        raise NoNumberError("it shifts out of bounds")
    return value << bits


def _quotient(value: int, right: int) -> int:
    """Towards zero, as in C."""
    made = abs(value) // abs(right)
    return made if (value < 0) == (right < 0) else -made


_LEVELS: Final[tuple[dict[str, Callable[[int, int], int]], ...]] = (
    {"||": lambda value, right: bool(value or right)},
    {"&&": lambda value, right: bool(value and right)},
    {"|": operator.or_},
    {"^": operator.xor},
    {"&": operator.and_},
    {"==": operator.eq, "!=": operator.ne},
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge},
    {"<<": _shift, ">>": lambda value, bits: value >> min(max(bits, 0), _BITS)},
    {"+": operator.add, "-": operator.sub},
    {
        "*": operator.mul,
        "/": _quotient,
        "%": lambda value, right: value - _quotient(value, right) * right,
    },
)


def _bounded(value: int) -> int:
    if not -_LIMIT <= value < _LIMIT:
        raise NoNumberError("it does not fit into 64 bits")
    return value
