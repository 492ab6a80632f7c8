"""Rows and pictures that stand twice, and those of the validation data among the training data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.data import rules
from vlft.data.reading.chunks import pieces
from vlft.data.reading.lines import BrokenLineError, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.data.checking.rows import Split
    from vlft.data.media.problems import Picture
    from vlft.data.media.resolve import MediaProbe
    from vlft.probe.data_entries import DataEntry


def report_duplicates(split: Split) -> None:
    """Says which rows stand twice."""
    for index, first in split.hashes.repeated():
        file, row, line = split.place(index)
        other, before, _ = split.place(first)
        where = "" if other is file else f" of {other.source.text}"
        problem = rules.DUPLICATE.found(f"the same as row {before}{where}", "keep one of them")
        file.say(problem, row, line)


def report_leaks(train: Split, val: Split, probe: MediaProbe) -> None:
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
                file.say(problem, row, line)
    _report_pictures(train, val, probe)


def _report_pictures(train: Split, val: Split, probe: MediaProbe) -> None:
    trained, held_out = train.seen or {}, val.seen or {}
    alike = set(map(_size_and_head, trained.values())) & set(map(_size_and_head, held_out.values()))
    exact = {
        probe.content_key(picture): name
        for name, picture in trained.items()
        if _size_and_head(picture) in alike
    }
    leaked = {
        name: exact[key]
        for name, picture in held_out.items()
        if _size_and_head(picture) in alike and (key := probe.content_key(picture)) in exact
    }
    for file in val.files:
        for row, line, name in _rows_with(file.source, leaked):
            twin = leaked[name]
            other = "" if twin == name else f" as {twin}"
            message = f"{name} stands in the training data{other}"
            problem = rules.LEAKED_PICTURE.found(message, "split the data by picture", "images")
            file.say(problem, row, line)


def _size_and_head(picture: Picture) -> tuple[int, int]:
    return picture.size, picture.head_hash


def _rows_with(source: DataEntry, names: dict[str, str]) -> Iterator[tuple[int, int, str]]:
    """First row of a file of JSON Lines that has each of these names among its values."""
    left = set(names)
    row, line = 1, 1
    if not left or source.kind != "file" or source.file.suffix not in {".jsonl", ".json"}:
        return
    for piece in pieces(source.file):
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
