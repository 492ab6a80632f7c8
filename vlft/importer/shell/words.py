"""Nodes of a tree → words: what is quoted, what is to be expanded, what stands for several."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from vlft.importer.shell.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tree_sitter import Node

EXPANSIONS: Final = frozenset({
    "simple_expansion", "expansion", "command_substitution", "arithmetic_expansion",
    "process_substitution",
})  # fmt: skip
_VARIABLE: Final = re.compile(r"[A-Za-z_]\w*|[0-9]", re.ASCII)
_SPECIAL: Final = re.compile(r"[\"'$`\\]")
_ESCAPES: Final = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v",
}  # fmt: skip
_RANGE: Final = re.compile(
    r"(-?\d{1,6})\.\.(-?\d{1,6})(?:\.\.(-?\d{1,4}))?|([A-Za-z])\.\.([A-Za-z])"
)
_MAX_WORDS: Final = 256
_MAX_PIECES: Final = 2000


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a word.

    Attributes:
        text: The text without its quotes; of an expansion, as it is written.
        quoted: Whether it stands in quotes, so that it is not split at blanks.
        node: The expansion; None for a text.
        source: Where the expansion stands.
    """

    text: str
    quoted: bool
    node: Node | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A word before expansion.

    Attributes:
        parts: In order.
        offset: Where it begins.
        raw: As it is written.
    """

    parts: tuple[Part, ...]
    offset: int = 0
    raw: str = ""

    @property
    def bare(self) -> str | None:
        """The text of a word without quotes and expansions, as keywords have to be."""
        if any(part.quoted or part.node is not None for part in self.parts):
            return None
        return "".join(part.text for part in self.parts)

    @property
    def expansions(self) -> list[Part]:
        """The parts that are to be expanded."""
        return [part for part in self.parts if part.node is not None]


def read_words(source: Source, nodes: Iterable[Node]) -> list[Word]:
    """Words of nodes; what stands side by side without a blank is one word."""
    groups: list[list[Node]] = []
    for node in nodes:
        at = groups[-1][-1].end_byte if groups else -1
        if groups and not source.edited[at : node.start_byte].replace(b"\\\n", b""):
            groups[-1].append(node)
        else:
            groups.append([node])
    return [read_word(source, group) for group in groups]


def read_word(source: Source, nodes: Sequence[Node]) -> Word:
    """The word that these nodes make together."""
    return between(source, nodes, nodes[0].start_byte, nodes[-1].end_byte)


def between(
    source: Source, nodes: Sequence[Node], start: int, end: int, *, quoted: bool = False
) -> Word:
    """All from one offset to another as one word.

    Args:
        source: Where it stands.
        nodes: What is to be expanded, or has quotes.
        start: Where it begins.
        end: Where it ends.
        quoted: Whether what no node is for stands as it is, and is no escape.
    """
    parts: list[Part] = []
    at = start
    flat = list(_flat(nodes))
    for index, node in enumerate(flat):
        parts += _gap(source, max(at, start), node.start_byte, quoted=quoted)
        after = flat[index + 1] if index + 1 < len(flat) else None
        alone = after is not None and source.raw(node) == "$"
        name = _VARIABLE.match(source.raw(after)) if alone and after is not None else None
        if name is not None and after is not None and after.start_byte == node.end_byte:
            # Behind quotes the grammar takes a variable for a dollar and a word.
            parts.append(Part(f"${name[0]}", quoted=False, node=node, source=source))
            at = after.start_byte + len(name[0])
            continue
        if at > node.start_byte:
            parts += _plain(source.between(at, node.end_byte), quoted=False)
        elif not alone or after is None or after.type != "string":  # `$"…"`
            parts += _parts(source, node, quoted=False)
        at = node.end_byte
    parts += _gap(source, at, end, quoted=quoted)
    return Word(tuple(parts), start, source.between(start, end))


def _flat(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        if node.type in ("concatenation", "command_name"):
            yield from _flat(node.children)
        else:
            yield node


def _gap(source: Source, start: int, end: int, *, quoted: bool) -> Iterator[Part]:
    """A text that no node is for."""
    text = source.between(start, end)
    if quoted and text:
        yield Part(text, quoted=True)
    elif text:
        yield from _plain(text, quoted=False)


def written(text: str) -> Word | None:
    """A text as one word; None if the shell would take it for something else."""
    if _SPECIAL.search(text) is None:
        return Word((Part(text, quoted=True),), raw=text)
    source = Source(f"_ {text}".encode(), is_part=True)
    commands = source.root.named_children
    if source.root.has_error or len(commands) != 1:
        return None
    words = read_words(source, commands[0].children[1:])
    return words[0] if len(words) == 1 and words[0].raw == text else None


def _parts(source: Source, node: Node, *, quoted: bool) -> Iterator[Part]:
    kind = node.type
    if node.end_byte in source.opaque and kind == "expansion":
        word = written(source.raw(node))
        if word is None or any(one.source and one.source.opaque for one in word.parts):
            yield Part(source.raw(node), quoted, node)
        else:
            yield from (replace(one, quoted=quoted or one.quoted) for one in word.parts)
    elif kind in EXPANSIONS:
        yield Part(source.raw(node), quoted, node, source)
    elif kind == "raw_string":
        yield Part(source.raw(node)[1:-1], quoted=True)
    elif kind == "ansi_c_string":
        yield Part(_ansi(source.raw(node)[2:-1]), quoted=True)
    elif kind in ("string", "translated_string"):
        yield from _string(source, node)
    else:
        yield from _plain(source.raw(node), quoted=quoted)


def _plain(text: str, *, quoted: bool) -> Iterator[Part]:
    for found in re.finditer(r"((?:\\(?:.|\Z))+)|[^\\]+", text, re.DOTALL):
        plain = re.sub(r"\\(\n|.?)", lambda one: one[1].strip("\n"), found[0], flags=re.DOTALL)
        if found[1] is None:
            yield Part(found[0], quoted)
        elif plain:
            yield Part(plain, quoted=True)


def _string(source: Source, node: Node) -> Iterator[Part]:
    """What stands in double quotes, the text that no node is for among it."""
    quotes = [one for one in node.children if one.type == '"']
    at = quotes[0].end_byte if quotes else node.start_byte
    end = node.end_byte - (len(quotes) > 1)
    made = False
    for child in node.children:
        if child.type in EXPANSIONS:
            raw = source.raw(child).lstrip()  # the grammar takes the blank before it along
            start = child.end_byte - len(raw.encode())
            if start > at:
                yield Part(_unescaped(source.between(at, start)), quoted=True)
            if child.end_byte in source.opaque:
                yield from _parts(source, child, quoted=True)
            else:
                yield Part(raw, True, child, source)
            at = child.end_byte
            made = True
    if at < end or not made:
        yield Part(_unescaped(source.between(at, end)), quoted=True)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([$`\"\\\n])", lambda found: found[1].strip("\n"), text)


def _ansi(text: str) -> str:
    """`$'…'`: C's escapes, the common ones."""

    def char(found: re.Match[str]) -> str:
        return _ESCAPES.get(found[1], found[1] if found[1] in "\\'\"?" else found[0])

    return re.sub(r"\\(.)", char, text, flags=re.DOTALL)


_Piece: TypeAlias = "str | Part"
"""A character that is not quoted, or a part that is opaque here."""


def apart(word: Word) -> list[Word]:
    """`{a,b}` and `{1..3}`: the words that a word with braces stands for, or the word itself."""
    if not any("{" in part.text for part in word.parts if part.node is None and not part.quoted):
        return [word]
    pieces: list[_Piece] = []
    for part in word.parts:
        pieces += part.text if part.node is None and not part.quoted else [part]
    if len(pieces) > _MAX_PIECES:
        return [word]
    made = _expanded(pieces, 0)
    if len(made) < 2 or len(made) > _MAX_WORDS:  # noqa: PLR2004 - nothing to tell apart
        return [word]
    return [Word(tuple(_rejoined(one)), word.offset, word.raw) for one in made]


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


def _rejoined(pieces: list[_Piece]) -> Iterator[Part]:
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        if text:
            yield Part(text, quoted=False)
        text = ""
        yield piece
    if text:
        yield Part(text, quoted=False)
