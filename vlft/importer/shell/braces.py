"""`{a,b}` and `{1..3}`: one word that stands for several."""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from vlft.importer.shell.words import Part, Word

_Piece: TypeAlias = "str | Part"
"""A character that is not quoted, or a part that is opaque here."""

_RANGE: Final = re.compile(
    r"(-?\d{1,6})\.\.(-?\d{1,6})(?:\.\.(-?\d{1,4}))?|([A-Za-z])\.\.([A-Za-z])"
)
_MAX_WORDS: Final = 256
_MAX_PIECES: Final = 2000


def apart(word: Word) -> list[Word]:
    """The words that a word with braces stands for; the word itself if it has none."""
    if not any("{" in part.text for part in word.parts if part.kind == "text" and not part.quoted):
        return [word]
    pieces: list[_Piece] = []
    for part in word.parts:
        pieces += part.text if part.kind == "text" and not part.quoted else [part]
    if len(pieces) > _MAX_PIECES:
        return [word]
    made = _expanded(pieces, 0)
    if len(made) < 2 or len(made) > _MAX_WORDS:  # noqa: PLR2004 - nothing to tell apart
        return [word]
    return [Word(_parts(one), word.offset, word.raw) for one in made]


def _expanded(pieces: list[_Piece], depth: int) -> list[list[_Piece]]:
    for start, piece in enumerate(pieces):
        end = _end(pieces, start) if piece == "{" and depth < 8 else None  # noqa: PLR2004 - braces in braces
        choices = _choices(pieces[start + 1 : end]) if end is not None else []
        if end is None or not choices:
            continue
        rest = _expanded(pieces[end + 1 :], depth + 1)
        inner = [one for choice in choices for one in _expanded(choice, depth + 1)]
        if len(inner) * len(rest) > _MAX_WORDS:
            return [pieces]
        return [[*pieces[:start], *one, *after] for one in inner for after in rest]
    return [pieces]


def _end(pieces: list[_Piece], start: int) -> int | None:
    level = 0
    for index in range(start, len(pieces)):
        level += (pieces[index] == "{") - (pieces[index] == "}")
        if level == 0:
            return index
    return None


def _choices(inner: list[_Piece]) -> list[list[_Piece]]:
    """What stands between commas, or in a range; nothing if it is neither."""
    choices: list[list[_Piece]] = [[]]
    level = 0
    for piece in inner:
        level += (piece == "{") - (piece == "}")
        if piece == "," and level == 0:
            choices.append([])
        else:
            choices[-1].append(piece)
    if len(choices) > 1:
        return choices
    text = "".join(piece if isinstance(piece, str) else "\0" for piece in inner)
    found = _RANGE.fullmatch(text)
    return [list(one) for one in _range(found)] if found is not None else []


def _range(found: re.Match[str]) -> list[str]:
    if found[4] is not None:
        first, last = ord(found[4]), ord(found[5])
        step = 1 if first <= last else -1
        return [chr(code) for code in range(first, last + step, step)]
    start, end = int(found[1]), int(found[2])
    stride = abs(int(found[3] or 1)) or 1
    if abs(end - start) // stride >= _MAX_WORDS:
        return []
    padded = any(re.fullmatch(r"-?0\d+", text) for text in found.group(1, 2))
    width = max(len(found[1]), len(found[2])) if padded else 0
    sign = 1 if start <= end else -1
    return [f"{number:0{width}d}" for number in range(start, end + sign, sign * stride)]


def _parts(pieces: list[_Piece]) -> tuple[Part, ...]:
    parts: list[Part] = []
    for piece in pieces:
        if not isinstance(piece, str):
            parts.append(piece)
        elif parts and parts[-1].kind == "text" and not parts[-1].quoted:
            text = parts.pop().text + piece
            parts.append(Part("text", text, quoted=False, raw=text))
        else:
            parts.append(Part("text", piece, quoted=False, raw=piece))
    return tuple(parts)
