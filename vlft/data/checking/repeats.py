"""Rows and pictures that stand twice, and those of the validation data among the training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from vlft.data import rules
from vlft.data.checking.tally import Hashes
from vlft.data.reading.chunks import pieces
from vlft.data.reading.lines import BrokenLineError, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vlft.data.checking.rows import Job
    from vlft.data.findings import Sink
    from vlft.data.media.resolve import MediaProbe
    from vlft.data.media.verdicts import Picture


class Rows(msgspec.Struct):
    """All rows of the training or of the validation data.

    Attributes:
        hashes: In order.
        files: In order.
        seen: Pictures by reference.
    """

    hashes: Hashes = msgspec.field(default_factory=Hashes)
    files: list[Job] = msgspec.field(default_factory=list)
    seen: dict[str, Picture] = msgspec.field(default_factory=dict)

    def place(self, index: int) -> tuple[Job, int, int | None]:
        """File, row and line of a row by its number, from 0 over all files."""
        file = next(one for one in reversed(self.files) if one.start <= index)
        row = index - file.start + 1
        return file, row, row if file.numbered else None


def report_duplicates(rows: Rows, sink: Sink) -> None:
    """Says which rows stand twice."""
    for index, first in rows.hashes.repeated():
        file, row, line = rows.place(index)
        other, before, _ = rows.place(first)
        where = "" if other is file else f" of {other.source.text}"
        problem = rules.DUPLICATE.found(f"the same as row {before}{where}", "keep one of them")
        sink.add(problem, file.source.text, row, line)


def report_leaks(train: Rows, val: Rows, sink: Sink, probe: MediaProbe) -> None:
    """Says which rows and pictures of the validation data stand in the training data."""
    shared = train.hashes.shared(val.hashes)
    if shared:
        first: dict[int, int] = {}
        for index, digest in enumerate(train.hashes):
            if digest in shared:
                first.setdefault(digest, index)
        for index, digest in enumerate(val.hashes):
            if digest in shared:
                file, row, line = val.place(index)
                other, before, _ = train.place(first[digest])
                message = f"the same as row {before} of {other.source.text}"
                problem = rules.LEAK.found(message, "take it out of the training data")
                sink.add(problem, file.source.text, row, line)
    _report_pictures(train, val, sink, probe)


def _report_pictures(train: Rows, val: Rows, sink: Sink, probe: MediaProbe) -> None:
    rough = {(picture.size, picture.head_hash) for picture in train.seen.values()}
    twins = {
        name: picture
        for name, picture in val.seen.items()
        if (picture.size, picture.head_hash) in rough
    }
    if not twins:
        return
    candidates = {(picture.size, picture.head_hash) for picture in twins.values()}
    exact = {
        probe.content_key(picture): name
        for name, picture in train.seen.items()
        if (picture.size, picture.head_hash) in candidates
    }
    leaked = {
        name: exact[key]
        for name, picture in twins.items()
        if (key := probe.content_key(picture)) in exact
    }
    for file in val.files:
        for row, line, name in _rows_with(file.source.file, leaked):
            twin = leaked[name]
            other = "" if twin == name else f" as {twin}"
            message = f"{name} stands in the training data{other}"
            problem = rules.LEAKED_PICTURE.found(message, "split the data by picture", "images")
            sink.add(problem, file.source.text, row, line)


def _rows_with(path: Path, names: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    """First row of a file of JSON Lines that has each of these names among its values."""
    left = set(names)
    row, line = 1, 1
    if not left or path.suffix not in {".jsonl", ".json"}:
        return
    for piece in pieces(path):
        data = piece.read()
        try:
            for found in rows_of(data, row, line):
                row = found.number + 1
                for text in _texts(found.value):
                    if text in left:
                        left.discard(text)
                        yield found.number, found.line, text
        except BrokenLineError:
            return
        line += data.count(b"\n")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
