"""The inside of `${…}`: its parts, and the operators that change a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_PARAMETER: Final = re.compile(
    r"(?P<length>#(?=[A-Za-z_@*]))?(?P<name>[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-])"
    r"(?:\[(?P<index>[^\]]*)\])?"
    r"(?:(?P<operator>:-|:=|:\+|:\?|-|=|\+|\?|%%|%|##|#|//|/|\^\^|,,|:)(?P<rest>.*))?",
    re.DOTALL,
)
_MAX_STARS: Final = 2


@dataclass(frozen=True, slots=True)
class Parameter:
    """`${NAME[index]operator rest}` in its parts.

    Attributes:
        name: Of the variable.
        index: Of an array's item, or `@`; None without one.
        operator: `:-`, `%%` and the like; empty without one.
        rest: What follows the operator.
        length: Whether `#` stands before the name.
    """

    name: str
    index: str | None
    operator: str
    rest: str
    length: bool


def split_parameter(text: str) -> Parameter | None:
    """The parts of what stands inside `${…}`; None if it is something else."""
    found = _PARAMETER.fullmatch(text)
    if found is None:
        return None
    operator, rest = found["operator"] or "", found["rest"] or ""
    return Parameter(found["name"], found["index"], operator, rest, found["length"] is not None)


def apply_operator(text: str, operator: str, patterns: list[str]) -> str | None:
    """A text with the end, the beginning or a part of it changed; None if it is not understood.

    Args:
        text: The variable's value.
        operator: `%`, `%%`, `#`, `##`, `/`, `//`, `^^`, `,,` or `:`.
        patterns: What follows, split at its first slash.
    """
    pattern = "/".join(patterns)
    if operator == "^^":
        return text.upper() if not pattern else None
    if operator == ",,":
        return text.lower() if not pattern else None
    if operator == ":":
        return _slice(text, pattern)
    if operator in ("/", "//"):
        # `//old/new` splits as `/`, so the first pattern is the old text.
        old, new = patterns[0], patterns[1] if len(patterns) > 1 else ""
        if not old or re.search(r"[*?\[]", old):
            return None
        return text.replace(old, new) if operator == "//" else text.replace(old, new, 1)
    return _trimmed(text, operator, pattern)


def _slice(text: str, bounds: str) -> str | None:
    found = re.fullmatch(r"\s*(\d{1,6})\s*(?::\s*(\d{1,6})\s*)?", bounds)
    if found is None:
        return None
    start = int(found[1])
    return text[start:] if found[2] is None else text[start : start + int(found[2])]


def _trimmed(text: str, operator: str, pattern: str) -> str | None:
    if re.search(r"[?\[\\]", pattern) or pattern.count("*") > _MAX_STARS:
        return None
    body = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    whole = re.compile(body, re.DOTALL)
    lengths = range(len(text) + 1) if len(text) < 4096 else range(0)  # noqa: PLR2004
    ordered = lengths if len(operator) == 1 else reversed(lengths)
    for length in ordered:
        piece = text[:length] if operator[0] == "#" else text[len(text) - length :]
        if whole.fullmatch(piece):
            return text[length:] if operator[0] == "#" else text[: len(text) - length]
    return text
