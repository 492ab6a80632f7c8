"""What an unquoted word of YAML means: the core schema of YAML 1.2, less what is ambiguous.

Config files were written for readers of YAML 1.1 as well, and the two versions disagree on
`yes`, `010` and `1_000`. Those are refused instead of read one way.
Source: https://yaml.org/spec/1.2.2/#103-core-schema and https://yaml.org/type/.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from vlft.config.entry import Scalar, shown

_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YES_NO: Final = {"yes": True, "on": True, "no": False, "off": False}

_DECIMAL: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# What YAML 1.1 reads as a number with separators.
_GROUPED: Final = re.compile(
    r"[-+]?(?:0[xb][0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?)"
)
_MAX_BITS: Final = 64
_MAX_DIGITS: Final = 64  # before int(), which takes quadratic time


class Doubt(NamedTuple):
    """Why a scalar can't be taken as it is written: the parts of a finding."""

    rule: str
    message: str
    hint: str


def read_plain(text: str) -> tuple[Scalar, Doubt | None]:
    """The value of an unquoted scalar; with a doubt, the value that was most likely meant."""
    if text in _WORDS:
        return _WORDS[text], None
    if text[0] in "+-.0123456789":
        return _read_number(text)
    if len(text) <= 3 and text.lower() in _YES_NO:  # noqa: PLR2004 - the longest is "off"
        value = _YES_NO[text.lower()]
        message = f"`{text}` is a boolean for some YAML readers and text for others"
        hint = f'write {str(value).lower()}, or "{text}" in quotes for the text'
        return value, Doubt("config.ambiguous-scalar", message, hint)
    return text, None


def read_tagged(text: str, tag: str, *, plain: bool) -> tuple[Scalar, Doubt | None]:
    """The value of a scalar tagged `!!str`, `!!int`, `!!float`, `!!bool` or `!!null`.

    Args:
        text: What is written after the tag.
        tag: Name without the exclamation marks.
        plain: Whether the text is unquoted.
    """
    if tag == "str":
        return text, None
    value, doubt = read_plain(text)
    if doubt is not None:
        return value, doubt
    if tag == "float" and type(value) is int:
        return float(value), None
    kind = "null" if value is None else type(value).__name__
    if kind == tag:
        return value, None
    written = shown(text if plain else f'"{text}"')
    message = f"{written} is marked as !!{tag}, which it is not"
    return text, Doubt("config.tag", message, f"remove !!{tag}, or write a value of that kind")


def _read_number(text: str) -> tuple[Scalar, Doubt | None]:
    if _DECIMAL.fullmatch(text):
        return _read_decimal(text)
    if _FLOAT.fullmatch(text):
        return _read_float(text)
    if _BASED.fullmatch(text):
        return _bounded(text, 8 if text[1] == "o" else 16)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", "", 1)), None
    if "_" in text and _GROUPED.fullmatch(text):
        digits = text.replace("_", "")
        message = f"{shown(text)} is a number for some YAML readers and text for others"
        hint = f'write {shown(digits)}, or "{shown(text)[1:-1]}" in quotes for the text'
        value = read_plain(digits)[0]
        return value, Doubt("config.ambiguous-scalar", message, hint)
    return text, None


def _read_decimal(text: str) -> tuple[Scalar, Doubt | None]:
    digits = text.lstrip("+-")
    value, doubt = _bounded(text, 10)
    if doubt is None and digits[0] == "0" and digits != "0":
        octal = int(digits, 8) if digits.strip("01234567") == "" else None
        message = (
            f"{shown(text)} has a leading zero: "
            f"{value} for some YAML readers, {octal or 'text'} for others"
        )
        hint = f'write {value}, or "{text}" in quotes for the text'
        if octal:
            hint = f'write {value} or {octal}, whichever is meant, or "{text}" in quotes'
        return value, Doubt("config.ambiguous-scalar", message, hint)
    return value, doubt


def _bounded(text: str, base: int) -> tuple[Scalar, Doubt | None]:
    if len(text) <= _MAX_DIGITS + 2:
        value = int(text, base) if base == 10 else int(text[2:], base)  # noqa: PLR2004
        if value.bit_length() <= _MAX_BITS:
            return value, None
    message = f"{shown(text)} is an integer of more than {_MAX_BITS} bits"
    return text, Doubt("config.number", message, "write it in quotes if it is an identifier")


def _read_float(text: str) -> tuple[Scalar, Doubt | None]:
    value = float(text)
    mantissa = re.split("[eE]", text, maxsplit=1)[0]
    if value in (float("inf"), float("-inf")):
        message = f"{shown(text)} is larger than any number a computer holds"
        return text, Doubt("config.number", message, "write .inf if infinity is meant")
    if value == 0 and mantissa.strip("+-.0"):
        message = f"{shown(text)} is so small that it would become 0"
        return text, Doubt("config.number", message, "write 0 if zero is meant")
    return value, None
