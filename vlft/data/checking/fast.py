"""The fast way through a piece of a file: rows that are plainly right pass, in microseconds.

Whatever is odd in the least goes to the exact way; a row that passes here has no problem
there (tests/data/test_check_fast.py proves it on generated rows).
"""

from __future__ import annotations

import io
from itertools import chain
from operator import attrgetter
from typing import IO, TYPE_CHECKING, Any, Final

import xxhash
from msgspec import UNSET, MsgspecError

from vlft.data.loading.conversations import ASSISTANTS, USERS
from vlft.data.media import Picture
from vlft.data.rows.length import A_MESSAGE, A_PICTURE, OVERHEAD
from vlft.data.rows.media import picture_problems
from vlft.models import SizeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vlft.data.checking.decoder import RowDecoder
    from vlft.data.checking.job import Hashes
    from vlft.data.checking.tally import Tally
    from vlft.data.rows.context import Context

USER_NAMES, ASSISTANT_NAMES = frozenset(USERS), frozenset(ASSISTANTS)
_MOST_MESSAGES: Final = 64


def plain_turns(messages: list[Any], tags: int) -> bool:
    """Whether questions and answers alternate, and only questions have tags, of pictures."""
    expected = 0
    for index, message in enumerate(messages):
        content = message.content
        if content == "" or "{" in content:
            return False
        if index == 0 and message.role == "system":
            expected = 1
            if "<" in content:
                return False
            continue
        asks = (index - expected) % 2 == 0
        if message.role not in (USER_NAMES if asks else ASSISTANT_NAMES):
            return False
        found = content.count("<")
        if found and not (asks and content.count("<image>") == found):
            return False
        tags -= found
    count = len(messages) - expected
    return tags == 0 and 0 < count < _MOST_MESSAGES and count % 2 == 0


def marks_of(row: Any, get_others: tuple[Any, ...]) -> tuple[int, bool]:
    """Pairs of quotation marks that other columns add, and whether one holds a tag."""
    marks, tagged = 0, False
    for get in get_others:
        value = get(row)
        if value is UNSET:
            marks -= 1
        elif type(value) is str:
            marks += 1
            tagged |= "<" in value
    return marks, tagged


def nothing(_: Any) -> None:
    """What rows have in a column that their file lacks."""


def only_escaped(raw: bytes, marks: int) -> bool:
    """Whether all quotation marks but so many stand escaped within texts."""
    return raw.count(b'"') - marks == raw.count(b'\\"') and b"\\\\" not in raw


def ascii_only(raw: bytes) -> bool:
    """Whether the texts have no more bytes than the line, and no more tokens than bytes."""
    return raw.isascii() and b"\\u" not in raw


_NO_LIMIT: Final = 1 << 62
_MOST_PICTURES: Final = 200_000
"""References that are remembered; with more, memory would grow with the file."""
_BLOCK: Final = 128 << 10
"""Bytes of lines that are judged together: few enough to stay in the processor's cache."""
_PATIENCE: Final = 16
"""Times that lines together may not pass, one after the other, before that is left."""
_digest = xxhash.xxh3_64_intdigest


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
        rest: Lines that `odd_lines` has not gone through yet.
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
        self.tally = tally
        self.with_media = 0
        self.columns, self._pairs = decoder.columns, decoder.pairs
        self._patience = _PATIENCE if decoder.pairs is not None else 0
        self.rest: Iterator[bytes] = iter(())

    def take_media(self) -> int:
        """Rows with pictures that passed since this was asked last."""
        count, self.with_media = self.with_media, 0
        return count

    def odd_lines(self, stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        """The lines that need a closer look, with the number of lines that passed before.

        A line that passes is hashed here; one that is handed on is not. After the last line
        comes an empty one. What is left of the lines meanwhile is in `rest`.
        """
        passed = 0
        while self._patience and (data := stream.read(_BLOCK)):
            data += stream.readline()
            count = self._passing(data)
            if count:
                passed += count
                continue
            left = io.BytesIO(data)
            self.rest = chain(left, stream)
            for before, raw in self._one_by_one(left):
                passed += before
                if raw:
                    yield passed, raw
                    passed = 0
        self.rest = stream
        for before, raw in self._one_by_one(stream):
            yield passed + before, raw
            passed = 0

    def _passing(self, data: bytes) -> int:
        """How many lines there are, if all are plain pairs; they are hashed then. Else 0."""
        self._patience -= 1
        pairs, known = self._pairs, self._known
        lines = io.BytesIO(data).readlines()  # splitlines also looks for \r, byte by byte
        rows = None if pairs is None else pairs.rows_of(data, len(lines))
        if rows is None:
            return 0
        names = [row.images[0] for row in rows]
        try:
            largest = max(map(known.__getitem__, names))
        except KeyError:
            largest = max(map(self._look, names))
        if largest + 3 * max(map(len, lines)) > self._limit - 2 * A_MESSAGE:
            return 0
        push = [bucket.append for bucket in self._hashes.buckets]
        order = self._hashes.order.append
        for digest in map(_digest, lines):
            push[digest & 255](digest)
            order(digest & 255)
        if self.tally is not None:
            for row, name in zip(rows, names, strict=True):
                self.tally.add_plain(row.messages, (self._look(name) - A_PICTURE,))
        self.with_media += len(lines)
        self._patience = _PATIENCE
        return len(lines)

    def _one_by_one(  # noqa: C901, PLR0915 - one loop, a microsecond a line
        self, lines: Iterator[bytes]
    ) -> Iterator[tuple[int, bytes]]:
        decode: Callable[[bytes], Any] = self._decoder.decode
        get_others = tuple(map(attrgetter, self._decoder.others))
        get_system = attrgetter(self._decoder.system) if self._decoder.system else nothing
        pair_marks = len(get_others) + 9
        known, order = self._known, self._hashes.order.append
        push = [bucket.append for bucket in self._hashes.buckets]
        limit, tally = self._limit, self.tally
        room = limit - 64 * A_MESSAGE
        has_images = self._decoder.images
        start, spaced = self._decoder.start, self._decoder.spaced
        start_size = len(start)
        users, assistants, digest_of = USER_NAMES, ASSISTANT_NAMES, _digest
        passed = with_media = 0
        for raw in lines:
            try:
                row = decode(raw)
            except (MsgspecError, UnicodeDecodeError):
                self.with_media += with_media
                yield passed, raw
                passed = with_media = 0
                continue
            messages, pictures = row.messages, row.images
            # Every key and every text has two quotation marks: a key that stands twice shows.
            if pictures:
                tags = len(pictures)
                marks = pair_marks + tags + 1
                name = pictures[0]
                try:
                    size = known[name] if tags == 1 else sum(map(known.__getitem__, pictures))
                except KeyError:
                    size = sum(map(self._look, pictures))
            else:
                tags = size = 0
                marks = pair_marks + (has_images and pictures is not UNSET)
            if len(messages) == 2:  # noqa: PLR2004 - a question and an answer
                first, second = messages
                asked, answer = first.content, second.content
                length = len(asked) + len(answer)
                if tags:
                    length += len(name) + len(first.role) + len(second.role)
                odd = (
                    asked.count("<") != tags
                    or not asked
                    or not answer
                    or "<" in answer
                    or "{" in asked
                    or first.role not in users
                    or second.role not in assistants
                    or (
                        tags
                        and (tags > 1 or asked[:7] != "<image>")
                        and asked.count("<image>") != tags
                    )
                )
            else:
                odd, length = not plain_turns(messages, tags), 0
                marks += 4 * (len(messages) - 2)
            if get_others:
                more, tagged = marks_of(row, get_others)
                marks += more
                odd |= tagged
            if (
                odd
                or (
                    (tags != 1 or len(raw) - length != spaced or raw[:start_size] != start)
                    and raw.count(b'"') != marks + marks
                    and not only_escaped(raw, marks + marks)
                )
                or (
                    size + 3 * len(raw) > room
                    and size + (1 if ascii_only(raw) else 3) * len(raw) + A_MESSAGE * len(messages)
                    > limit
                )
            ):
                self.with_media += with_media
                yield passed, raw
                passed = with_media = 0
                continue
            digest = digest_of(raw)
            bucket = digest & 255
            push[bucket](digest)
            order(bucket)
            passed += 1
            if tags:
                with_media += 1
            if tally is not None:
                sizes = [self._look(one) - A_PICTURE for one in pictures or ()]
                tally.add_plain(messages, sizes, get_system(row))
        self.with_media += with_media
        yield passed, b""

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
        if not isinstance(found, Picture) or any(picture_problems(found, name, "")):
            return _NO_LIMIT + 1
        try:
            tokens = self._context.image_tokens(found)
        except SizeError:
            return _NO_LIMIT + 1
        return (tokens or 0) + A_PICTURE
