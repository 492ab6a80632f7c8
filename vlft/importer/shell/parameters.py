"""The inside of `${…}`: its parts, the operators that change a text, and patterns."""

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
_WILD: Final = re.compile(r"\*|\?|\[[!^]?[\w.-]+\]|[^*?\[]+|\[")
_MAX_STARS: Final = 3
_MAX_TEXT: Final = 256


@dataclass(frozen=True, slots=True)
class Parameter:
    """`${NAME[index]operator rest}` in its parts.

    Attributes:
        name: Of the variable.
        index: Of an array's item, or `@`; None without one.
        operator: `:-`, `%%` and the like; empty without one.
        rest: What follows the operator.
        length: Whether `#` stands before the name.
        at: Where the rest begins.
    """

    name: str
    index: str | None
    operator: str
    rest: str
    length: bool
    at: int

    @property
    def is_list(self) -> bool:
        """Whether it stands for several values."""
        return self.name in ("@", "*") or self.index in ("@", "*")


def split_parameter(text: str) -> Parameter | None:
    """The parts of what stands inside `${…}`; None if it is something else."""
    found = _PARAMETER.fullmatch(text)
    if found is None:
        return None
    operator, rest = found["operator"] or "", found["rest"] or ""
    length = found["length"] is not None
    at = len(text) - len(rest)
    return Parameter(found["name"], found["index"], operator, rest, length, at)


def apply_operator(text: str, operator: str, patterns: list[str]) -> str | None:
    """A text with the end, the beginning or a part of it changed; None if it is not understood.

    Args:
        text: The variable's value.
        operator: `%`, `%%`, `#`, `##`, `/`, `//`, `^^`, `,,` or `:`.
        patterns: What follows, split at its first slash.
    """
    pattern = "/".join(patterns)
    if operator in ("^^", ",,"):
        changed = text.upper() if operator == "^^" else text.lower()
        return changed if not pattern else None
    if operator == ":":
        bounds = slice_of(pattern)
        return text[bounds] if bounds is not None else None
    if operator in ("/", "//"):
        # `//old/new` splits as `/`, so the first pattern is the old text.
        old, new = patterns[0], patterns[1] if len(patterns) > 1 else ""
        if not old or re.search(r"[*?\[]|^[#%]", old):
            return None
        return text.replace(old, new) if operator == "//" else text.replace(old, new, 1)
    return _trimmed(text, operator, pattern)


def slice_of(bounds: str) -> slice | None:
    """`1` and `1:3`, behind a colon; None if it is not understood."""
    found = re.fullmatch(r"\s*(\d{1,6})\s*(?::\s*(\d{1,6})\s*)?", bounds)
    if found is None:
        return None
    start = int(found[1])
    return slice(start, None if found[2] is None else start + int(found[2]))


def _trimmed(text: str, operator: str, pattern: str) -> str | None:
    if re.search(r"[?\[\\]", pattern) or pattern.count("*") >= _MAX_STARS:
        return None
    whole = re.compile(".*".join(re.escape(piece) for piece in pattern.split("*")), re.DOTALL)
    lengths = range(len(text) + 1) if len(text) < 4096 else range(0)  # noqa: PLR2004
    for length in lengths if len(operator) == 1 else reversed(lengths):
        at_start = operator[0] == "#"
        piece = text[:length] if at_start else text[len(text) - length :]
        if whole.fullmatch(piece):
            return text[length:] if at_start else text[: len(text) - length]
    return text


def matches(text: str, pattern: list[tuple[str, bool]]) -> bool | None:
    """Whether a text is what a pattern says; None if it is not understood.

    Args:
        text: The text.
        pattern: Its pieces, each with whether it is quoted.
    """
    made = [
        re.escape(piece) if quoted else "".join(map(_wild, _WILD.findall(piece)))
        for piece, quoted in pattern
    ]
    stars = sum(piece.count(".*") for piece in made)
    if stars > _MAX_STARS or (stars > 1 and len(text) > _MAX_TEXT):
        return None
    try:
        return re.fullmatch("".join(made), text, re.DOTALL) is not None
    except re.error:  # a range such as `[z-a]`
        return None


def _wild(piece: str) -> str:
    if piece in ("*", "?"):
        return ".*" if piece == "*" else "."
    if piece.startswith("[") and len(piece) > 1:
        inner = piece[1:-1]
        negated = inner[0] in "!^"
        return f"[{'^' if negated else ''}{inner[1:] if negated else inner}]"
    return re.escape(piece)
