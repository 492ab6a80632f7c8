"""The fast way through a piece of a file: rows that are certainly fine pass, in a microsecond.

Whatever is odd in the least goes to the exact way; a row that passes here has no problem
there (tests/data/test_check_fast.py proves it on generated rows).
"""

from __future__ import annotations

import io
from functools import lru_cache
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, MsgspecError

from vlft.data.media.problems import Picture, Unopened
from vlft.data.reading.schema import BOOL, DATE, DICT, FLOAT, INT, LIST, NULL, TEXT, Shape, mixes
from vlft.data.rows.columns import ALIASES, ROLES, SPEAKERS, STANDARD, FirstLook
from vlft.data.rows.length import A_MESSAGE, A_PICTURE, OVERHEAD
from vlft.data.rows.media import Context, picture_problems
from vlft.models import SizeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vlft.data.checking.tally import Hashes, Tally

_USERS, _ASSISTANTS = frozenset(ROLES["user"]), frozenset(ROLES["assistant"])
_SPEAKERS: Final = ("system", *SPEAKERS)
_ROLES: Final = ("role", "from")
_CONTENTS: Final = ("content", "value")
_READ: Final = STANDARD.union(ALIASES["messages"].values())
"""Columns that ms-swift reads; beside messages, images and system they must be null here."""


def type_of(shape: Shape, padded: bool) -> Any:
    """The type that holds just what was seen, and null; None for what takes a closer look."""
    if mixes(shape, padded) or shape.only_dates:
        return None
    kinds = shape.kinds & ~NULL
    made: Any = None
    if kinds & TEXT:
        made = str
    elif kinds & BOOL:
        made = bool
    elif kinds & FLOAT:
        made = float
    elif kinds & INT:
        made = int
    elif kinds & LIST:
        made = list[type_of(shape.items, padded) if shape.items is not None else None]  # type: ignore[misc]
    elif kinds & DICT:
        made = _struct(_numbered(shape, padded))
    return made if made is None else made | None


Fields = dict[str, tuple[str, Any]]
"""Name → key of an object, and type of its value."""


def _numbered(shape: Shape, padded: bool) -> Fields:
    """The keys of an object, whatever they are, as f0, f1 and so on."""
    return {
        f"f{index}": (key, type_of(field, padded))
        for index, (key, field) in enumerate(shape.fields.items())
    }


def _struct(fields: Fields, optional: Iterable[str] = ()) -> Any:
    """A Struct with these fields, and no others."""
    return msgspec.defstruct(
        "Object",
        [
            (name, kind, UNSET) if name in optional else (name, kind)
            for name, (_, kind) in fields.items()
        ],
        rename={name: key for name, (key, _) in fields.items()},
        forbid_unknown_fields=True,
        gc=False,
    )


def shape_decoder(shape: Shape) -> msgspec.json.Decoder[Any]:
    """Takes the rows that add nothing to a shape."""
    fields = _numbered(shape, padded=False)
    return msgspec.json.Decoder(_struct(fields, fields))


class RowDecoder(msgspec.Struct, frozen=True):
    """Takes rows of the plainest kind; all others are for the exact way.

    Attributes:
        decode: Bytes of a line → a struct with `messages`, each with a `role` and a `content`,
            and `images`, under whatever names they have in the file.
        images: Whether the file has a column of pictures.
        columns: Names of the two in the file.
        others: Names of all other fields of the struct; texts, numbers, truths or null.
        system: The one of these that holds system prompts, if there is one.
    """

    decode: Any
    images: bool
    columns: tuple[str, ...]
    others: tuple[str, ...]
    system: str | None


@lru_cache(maxsize=16)
def row_decoder(look: FirstLook) -> RowDecoder | None:
    """The decoder for a file of messages; None if none of its rows is plain."""
    columns, schema = look.columns, look.schema
    if columns.reader != "messages" or look.lost or look.problems or columns.collisions:
        return None
    if "rejected_response" in columns.named(dict.fromkeys(schema.columns)):
        return None  # a row without one is lost
    types: Fields = {}
    system = None
    for index, (column, shape) in enumerate(schema.shape.fields.items()):
        name = columns.rename.get(column, column)
        kind = type_of(shape, schema.padded)
        field = f"f{index}"
        if name == "messages":
            field, kind = name, _messages_type(shape, schema.padded)
        elif name == "images":
            field, kind = name, list[str] | None if kind == list[str | None] | None else None
        elif name == "system":
            system, kind = field, kind if kind == str | None else None
        elif name in _READ or shape.kinds & (LIST | DICT):  # keys of a value are not counted
            kind = None
        types[field] = (column, kind)
    if types.get("messages", ("", None))[1] is None:
        return None
    names = tuple(types[name][0] for name in ("messages", "images") if name in types)
    others = {name: types[name] for name in types if name not in {"messages", "images"}}
    images = types.get("images", ("(no column of pictures)", None))
    row = _struct({"messages": types["messages"], "images": images, **others}, {"images", *others})
    decode = msgspec.json.Decoder(row).decode
    return RowDecoder(decode, "images" in types, names, tuple(others), system)


def _messages_type(shape: Shape, padded: bool) -> Any:
    """A list of messages with a role, a content and nothing else."""
    items = shape.items
    if shape.kinds & ~NULL != LIST or items is None or items.kinds != DICT:
        return None
    if mixes(items, padded) or items.uneven or items.keys is None:
        return None
    for role in _ROLES:
        for content in _CONTENTS:
            if items.keys == {role, content}:
                kinds = [items.fields[name] for name in (role, content)]
                if any(field.kinds & ~DATE != TEXT for field in kinds):
                    return None
                text = Annotated[str, msgspec.Meta(min_length=1)]
                message = {"role": (role, Literal[_SPEAKERS]), "content": (content, text)}
                return list[_struct(message)]  # type: ignore[misc]
    return None


_MOST_MESSAGES: Final = 64


def plain_turns(messages: list[Any], tags: int) -> bool:
    """Whether questions and answers alternate, and only questions have tags, those of pictures."""
    expected = 0
    for index, message in enumerate(messages):
        content = message.content
        if "{" in content:
            return False
        if index == 0 and message.role == "system":
            expected = 1
            if "<" in content:
                return False
            continue
        asks = (index - expected) % 2 == 0
        if message.role not in (_USERS if asks else _ASSISTANTS):
            return False
        found = content.count("<")
        if found and not (asks and content.count("<image>") == found):
            return False
        tags -= found
    count = len(messages) - expected
    return tags == 0 and 0 < count < _MOST_MESSAGES and count % 2 == 0


_TOO_MANY: Final = 1 << 62


def marks_of(row: Any, get_others: tuple[Any, ...]) -> int:
    """Quotation marks of other columns; more than there can be where one holds a tag."""
    marks = 0
    for get in get_others:
        value = get(row)
        if type(value) is str:
            marks += _TOO_MANY if "<" in value else 2
        if value is not UNSET:
            marks += 2
    return marks


def has_marks(data: bytes, count: int) -> bool:
    """Whether there are so many quotation marks beside those that stand escaped within texts.

    Every key and every text has two: a key that stands twice shows.
    """
    found = data.count(b'"')
    return found == count or (found - data.count(b'\\"') == count and b"\\\\" not in data)


_NO_LIMIT: Final = 1 << 62
_MOST_PICTURES: Final = 200_000
"""References that are remembered; with more, memory would grow with the file."""
_BLOCK: Final = 128 << 10
"""Bytes of lines that are judged together: few enough to stay in the processor's cache."""


class FastReader:
    """Goes through lines and hands on those that are odd.

    Args:
        decoder: Made for the file.
        context: Of the run.
        hashes: Of the rows.
        tally: Takes rows in, where tokens are to be told.

    Attributes:
        with_media: Rows with pictures that passed.
        columns: Names in the file of messages, and of pictures if it has them.
    """

    def __init__(
        self, decoder: RowDecoder, context: Context, hashes: Hashes, tally: Tally | None = None
    ) -> None:
        self._decoder = decoder
        self._context = context
        self._hashes = hashes
        self._known = context.plain
        limit = context.settings.max_length
        self._limit = _NO_LIMIT if limit is None else limit - OVERHEAD
        self._tally = tally
        self._get_others = tuple(map(attrgetter, decoder.others))
        self._ahead: list[bytes] = []
        self.with_media = 0
        self.columns = decoder.columns

    def take_media(self) -> int:
        """Rows with pictures that passed since this was asked last."""
        count, self.with_media = self.with_media, 0
        return count

    def odd_lines(self, stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        """The lines that need a closer look, with the number of lines that passed before.

        A line that passes is hashed here; one that is handed on is not. After the last line
        comes an empty one.
        """
        passed = 0
        while data := stream.read(_BLOCK):
            data += stream.readline()
            lines = io.BytesIO(data).readlines()  # splitlines also looks for \r, byte by byte
            pictured = bytearray(len(lines))
            start = 0
            for odd in self._judge(data, lines, pictured):
                self._pass(lines[start:odd], pictured[start:odd])
                self._ahead = lines[odd + 1 :]
                yield passed + odd - start, lines[odd]
                passed, start = 0, odd + 1
                if len(self._ahead) < len(lines) - start:  # taken
                    break
            else:
                self._pass(lines[start:], pictured[start:])
                passed += len(lines) - start
        yield passed, b""

    def take_rest(self, stream: IO[bytes]) -> bytes:
        """What comes after the line that was handed on; it is not gone through any more."""
        rest = b"".join([*self._ahead, *stream])
        self._ahead = []
        return rest

    def _pass(self, lines: list[bytes], pictured: bytearray) -> None:
        """Takes in rows that have passed."""
        self._hashes.add_all(lines)
        self.with_media += sum(pictured)
        if self._tally is not None:
            system = self._decoder.system
            for row in map(self._decoder.decode, lines):
                sizes = [self._look(one) - A_PICTURE for one in row.images or ()]
                prompt = getattr(row, system) if system is not None else None
                self._tally.add_plain(row.messages, sizes, prompt)

    def _judge(  # noqa: C901, PLR0912 - one loop, a microsecond a line
        self, data: bytes, lines: list[bytes], pictured: bytearray
    ) -> list[int]:
        """Which of some lines are odd.

        What can be asked of all lines together is, and of each by itself only where that fails.

        Args:
            data: The lines as one.
            lines: The lines.
            pictured: Gets a 1 for each line with pictures that is not odd.
        """
        decode, get_others = self._decoder.decode, self._get_others
        users, assistants, has_images = _USERS, _ASSISTANTS, self._decoder.images
        odd_ones: list[int] = []
        names: list[str] = []
        most_messages, most_tags, marks = 2, 1, 0
        for index, raw in enumerate(lines):
            try:
                row = decode(raw)
            except (MsgspecError, UnicodeDecodeError):
                odd_ones.append(index)
                continue
            messages, pictures = row.messages, row.images
            tags = len(pictures) if pictures else 0
            if len(messages) == 2:  # noqa: PLR2004 - a question and an answer
                first, second = messages
                asked = first.content
                if (
                    asked.count("<") != tags
                    or (tags == 1 and "<image>" not in asked)
                    or (tags > 1 and asked.count("<image>") != tags)
                    or "<" in second.content
                    or "{" in asked
                    or first.role not in users
                    or second.role not in assistants
                ):
                    odd_ones.append(index)
                    continue
            elif plain_turns(messages, tags):
                most_messages = max(most_messages, len(messages))
                marks += 8 * (len(messages) - 2)
            else:
                odd_ones.append(index)
                continue
            if tags:
                names += pictures
                pictured[index] = 1
                if tags > 1:
                    most_tags = max(most_tags, tags)
            elif has_images and pictures is not UNSET:
                marks += 2
            if get_others:
                marks += marks_of(row, get_others)
        if odd_ones:
            odd_set = set(odd_ones)
            data = b"".join(raw for index, raw in enumerate(lines) if index not in odd_set)
        marks += 18 * (len(lines) - len(odd_ones)) + 2 * sum(pictured) + 2 * len(names)
        longest = max(map(len, lines)) if len(lines) > 1 else len(data)
        around = most_tags * self._largest(names) + most_messages * A_MESSAGE
        if has_marks(data, marks) and self._fits(around, longest, data):
            return odd_ones
        if len(lines) == 1:
            return [0]
        return [index for index, raw in enumerate(lines) if self._judge(raw, [raw], bytearray(1))]

    def _fits(self, around: int, longest: int, data: bytes) -> bool:
        """Whether no row is too long: no tokenizer makes more tokens of a text."""
        if around + 3 * longest <= self._limit:
            return True
        return around + longest <= self._limit and data.isascii() and b"\\u" not in data

    def _largest(self, names: list[str]) -> int:
        """Tokens of the largest of some pictures."""
        try:
            return max(map(self._known.__getitem__, names), default=0)
        except KeyError:
            return max(map(self._look, names))

    def _look(self, name: str) -> int:
        """Tokens of a picture; beyond any limit if it is odd."""
        if name in self._known:
            return self._known[name]
        tokens = self._tokens(name)
        if len(self._known) >= _MOST_PICTURES:
            self._known.clear()
        self._known[name] = tokens
        return tokens

    def _tokens(self, name: str) -> int:
        if "<" in name:
            return _NO_LIMIT + 1
        found = self._context.look(name)
        if isinstance(found, Unopened):
            return A_PICTURE
        if not isinstance(found, Picture) or any(picture_problems(found, name, "")):
            return _NO_LIMIT + 1
        try:
            tokens = self._context.image_tokens(found)
        except SizeError:
            return _NO_LIMIT + 1
        return (tokens or 0) + A_PICTURE
