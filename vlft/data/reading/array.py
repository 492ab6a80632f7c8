"""Rows of a file that is one JSON array."""

from __future__ import annotations

import codecs
import json
from typing import IO, TYPE_CHECKING, Any

from vlft.data import rules
from vlft.data.reading.lines import BrokenLineError, Row, has_half_pair, mended, small_integer

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEP = 1 << 20
_PEEK = 100
_LONGEST = 64 << 20
"""Characters of a row; a broken file would be read into memory whole otherwise."""


def is_nested(stream: IO[bytes]) -> bool:
    """Whether a file is an array of arrays of objects, which pandas reads in pyarrow's place.

    Args:
        stream: At the start of the file, and again afterwards.
    """
    start = stream.read(_PEEK)
    stream.seek(0)
    return b"{" in start.split(b'"', 1)[0] and start[1:].lstrip().startswith(b"[")


def array_rows(stream: IO[bytes]) -> Iterator[Row]:
    """The items of an array, each a row; texts become rows with a column text.

    So do arrays of one item or none, in a file that is nested.

    Args:
        stream: At the start of the file.

    Raises:
        BrokenLineError: Where the load of the file fails.
    """
    nested = is_nested(stream)
    window = _Window(stream)
    window.fill()
    texts = "{" not in window.text[:_PEEK].split('"', 1)[0]
    window.at = 1
    number = 0
    while True:
        mark = window.skip_blanks()
        if mark == "]":
            window.at += 1
            if window.skip_blanks():
                raise window.broken("something follows the end of the array", number + 1)
            return
        if number:
            if mark != ",":
                raise window.broken("expecting a comma or the end of the array", number + 1)
            window.at += 1
            if window.skip_blanks() == "]":
                raise window.broken("a comma before the end of the array", number + 1)
        number += 1
        line = window.line
        start = window.at
        value = window.value(number)
        raw = window.text[start : window.at].encode("utf-8", "surrogatepass")
        if texts:
            value = {"text": value}
        elif nested:
            value = _only_item(value)
        if value is not None and not isinstance(value, dict):
            problem = rules.NOT_OBJECT.found("an item of the array is no object")
            raise BrokenLineError(problem, number, line, 1)
        yield Row(number, line, value, raw)


def _only_item(value: Any) -> Any:
    """The row that pandas makes of an inner array; anything but a row where it makes none."""
    if not isinstance(value, list) or len(value) > 1:
        return []
    return {"text": value[0] if value else None}


class _Window:
    """Text that is read on as it is needed."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._parse = json.JSONDecoder(parse_int=small_integer, strict=False).raw_decode
        self._mended = False
        self.text = ""
        self.at = 0
        self.line = 1
        self._ended = False

    def fill(self) -> bool:
        """Reads on; whether there was more."""
        if self._ended:
            return False
        data = self._stream.read(_STEP)
        self._ended = not data
        try:
            self.text = self.text[self.at :] + self._decode(data, self._ended)
        except UnicodeDecodeError as error:
            problem = rules.ENCODING.found(str(error.reason), "save the file as UTF-8")
            raise BrokenLineError(problem, 1, self.line, 1) from None
        self.at = 0
        return not self._ended

    def skip_blanks(self) -> str:
        """The next character that is not white space; empty at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
                self.line += self.text[self.at] == "\n"
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.fill():
                return ""

    def value(self, number: int) -> Any:
        """The next value."""
        while True:
            try:
                value, end = self._parse(self.text, self.at)
            except (ValueError, RecursionError) as error:
                if len(self.text) - self.at < _LONGEST and self.fill():
                    continue
                if not self._mended:
                    self._mended = True
                    self.text, self.at = mended(self.text[self.at :]), 0
                    continue
                said = getattr(error, "msg", "") or str(error) or "a number is too big"
                raise self.broken(said.lower(), number) from None
            if end == len(self.text) and self.fill():
                continue  # a number could go on
            if has_half_pair(self.text[self.at : end]):
                raise self.broken("half a surrogate pair", number)
            self.line += self.text.count("\n", self.at, end)
            self.at = end
            return value

    def broken(self, said: str, number: int) -> BrokenLineError:
        """What to raise here."""
        problem = rules.NOT_JSON.found(
            f"the array is not JSON: {said}", "mend it, or write one object a line"
        )
        return BrokenLineError(problem, number, self.line, 1)
