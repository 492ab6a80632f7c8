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
        expression = _Expression(text.strip())
        value = expression.whole()
    except NoNumberError as problem:
        return Text(raw, f"{shown(written)} can't be computed: {problem}")
    lost = expression.lost
    notes = (f"{lost}: the shell drops what is left over",) if lost else ()
    return Text(str(value), None, notes)


class _Expression:
    """An expression that is being read from left to right.

    Args:
        text: Numbers and operators.

    Attributes:
        lost: A division that left a rest: `8 / 3 = 2`; None if none did.
    """

    def __init__(self, text: str) -> None:
        self.lost: str | None = None
        self._tokens: list[str] = []
        self._at = at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or len(self._tokens) >= _MAX_TOKENS:
                raise NoNumberError("it is no arithmetic of whole numbers")
            self._tokens.append(found[1] or found[2])
            at = found.end()
        if not self._tokens:
            raise NoNumberError("it is empty")

    @property
    def next(self) -> str:
        """The token that follows; empty at the end."""
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _takes(self, token: str) -> bool:
        found = self.next == token
        self._at += found
        return found

    def whole(self) -> int:
        """The value of all of it."""
        value = self.choice(0)
        if self.next:
            raise NoNumberError(f"`{self.next}` stands where an operator is expected")
        return value

    def choice(self, depth: int) -> int:
        """`test ? one : other`, or what stands without it."""
        if depth > _MAX_BRACKETS:
            raise NoNumberError("its brackets are nested too deeply")
        value = self._binary(depth, 0)
        if not self._takes("?"):
            return value
        one = self.choice(depth + 1)
        if not self._takes(":"):
            raise NoNumberError("`?` without `:`")
        other = self.choice(depth + 1)
        return one if value else other

    def _binary(self, depth: int, least: int) -> int:
        """Operators of this level of precedence, and those that bind closer."""
        value = self._unary(depth)
        while self.next in _LEVELS and _LEVELS[self.next] >= least:
            sign = self.next
            self._at += 1
            # `2 ** 3 ** 2` is read from the right
            right = self._binary(depth, _LEVELS[sign] + (sign != "**"))
            if sign in "/%" and right == 0:
                raise NoNumberError("it divides by 0")
            if sign in ("**", "<<") and not 0 <= right < _BITS:
                raise NoNumberError("its exponent is out of bounds")
            made = _bounded(int(_OPERATORS[sign](value, right)))
            if sign == "/" and made * right != value:
                self.lost = self.lost or f"{value} / {right} = {made}"
            value = made
        return value

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


def _either(value: int, right: int) -> bool:
    return bool(value or right)


def _both(value: int, right: int) -> bool:
    return bool(value and right)


def _shifted(value: int, bits: int) -> int:
    return value >> min(max(bits, 0), _BITS)


def _quotient(value: int, right: int) -> int:
    """Towards zero, as in C."""
    made = abs(value) // abs(right)
    return made if (value < 0) == (right < 0) else -made


def _rest(value: int, right: int) -> int:
    return value - _quotient(value, right) * right


_OPERATORS: Final[dict[str, Callable[[int, int], int]]] = {
    "||": _either, "&&": _both, "|": operator.or_, "^": operator.xor, "&": operator.and_,
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "<<": operator.lshift, ">>": _shifted,
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _quotient, "%": _rest,
    "**": operator.pow,
}  # fmt: skip
_ORDER: Final = ("||", "&&", "|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* / %", "**")
"""From the weakest to the one that binds closest."""

_LEVELS: Final = {sign: level for level, signs in enumerate(_ORDER) for sign in signs.split()}


def _bounded(value: int) -> int:
    if not -_LIMIT <= value < _LIMIT:
        raise NoNumberError("it does not fit into 64 bits")
    return value
