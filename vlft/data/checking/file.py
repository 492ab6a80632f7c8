"""One file of a check, whatever its format."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Literal

from vlft.data import rules
from vlft.data.checking.lines import check_lines
from vlft.data.checking.rows import Job, RowChecker
from vlft.data.reading.array import array_rows, is_nested
from vlft.data.reading.arrow import NullFirst
from vlft.data.reading.chunks import open_plain, packed_as
from vlft.data.reading.lines import BrokenLineError, Row
from vlft.data.reading.schema import DATE, TEXT, Shape
from vlft.data.reading.tables import (
    PIECE,
    NoPyarrowError,
    csv_rows,
    decoded,
    parquet_rows,
    parquet_schema,
    picture_places,
)
from vlft.data.rows.columns import look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vlft.data.findings import RowProblem
    from vlft.probe.data_entries import DataEntry


Format = Literal["json", "csv", "parquet", "text", "other", "none"]

_FORMATS: Final[dict[str, Format]] = {
    "jsonl": "json",
    "json": "json",
    "csv": "csv",
    "parquet": "parquet",
    "txt": "text",
    "text": "text",
    "arrow": "other",
    "xml": "other",
    "pandas": "other",
    "webdataset": "other",
    "hdf5": "other",
}
"""Ending → format; `other` for those that ms-swift loads and vlft does not look into."""


def format_of(path: Path) -> Format:
    """The format; `none` where ms-swift looks for a data set of that name on the hub."""
    return _FORMATS.get(path.suffix.removeprefix("."), "none")


def unread(source: DataEntry) -> RowProblem | None:
    """Why no row of an entry is judged; None if its rows are."""
    if source.kind in {"folder", "hub"}:
        what = "a folder" if source.kind == "folder" else "no file here, but a data set on a hub"
        return rules.HUB.found(f"{source.text} is {what}: unchecked")
    path = source.file
    if source.kind == "missing":
        hint = "ms-swift takes a relative path that does not exist for a data set on the hub"
        return rules.MISSING.found(f"there is no file {path}", hint)
    if format_of(path) == "other":
        return rules.HUB.found(f"{path.suffix} files are not checked")
    if format_of(path) == "none":
        ending = path.suffix or "a name without an ending"
        message = f"ms-swift has no reader for {ending}, and asks the hub"
        return rules.NO_READER.found(message, _format_hint(path))
    return None


def _format_hint(path: Path) -> str:
    """What to do about a file that ms-swift can't load."""
    ending = path.suffix.lower()
    if ending == ".gz":
        inner = Path(path.stem).suffix or ".jsonl"
        return f"rename it to end in {inner}: packed content is unpacked, the name decides"
    if ending.removeprefix(".") in _FORMATS:
        return f"write {ending} in lower case"
    if ending in {".ndjson", ".jl"}:
        return "rename it to end in .jsonl"
    if ending == ".tsv":
        return "write it as .csv, with commas"
    return "write JSON Lines, and a name that ends in .jsonl"


def check_file(job: Job) -> None:
    """Checks all rows of a file; what is found goes where the job says.

    Raises:
        OSError: If the file can't be read.
    """
    path = job.source.file
    kind = format_of(path)
    packing = None if kind == "parquet" else packed_as(path)
    if packing not in {None, "gzip"}:
        job.say(rules.PACKED.found(f"the content is {packing}", "unpack it, or use gzip"))
        return
    if kind == "parquet":
        _check_parquet(job)
    else:
        if packing is not None:
            hint = "unpack it; or give a new file a new name"
            job.say(rules.UNPACKED_COPY.found(f"the content is {packing}", hint))
        with open_plain(path) as stream:
            array = kind == "json" and stream.read(1) == b"["  # as `datasets` looks
            stream.seek(0)
            if array:
                _check_array(job, stream)
            elif kind == "json":
                check_lines(job)
            elif kind == "csv":
                _check_typed(job, csv_rows(stream))
            else:
                _check_typed(job, _text_rows(stream))
    if not job.rows:
        job.say(rules.EMPTY.found("the file has no rows", "name a file with rows"))


def _check_array(job: Job, stream: IO[bytes]) -> None:
    """An array is one piece: all of it decides the schema, and is read twice."""
    shape = Shape()
    with suppress(BrokenLineError):  # said below
        shape.add_rows(array_rows(stream))
    stream.seek(0)
    nested = is_nested(stream)
    _check_rows(job, shape, lambda: array_rows(stream), json=not nested, padded=nested)


def _check_typed(job: Job, rows: Iterator[Row]) -> None:
    """Formats with a line of names, or one column: the first rows decide."""
    shape, first = Shape(), []
    broken: BrokenLineError | None = None
    try:
        for row in islice(rows, PIECE):
            shape.add(row.value or {})
            first.append(row)
    except BrokenLineError as error:
        broken = error

    def again() -> Iterator[Row]:
        yield from first
        if broken is not None:
            raise broken
        yield from rows

    # These columns hold texts as they stand: none is taken for a date.
    for field in shape.fields.values():
        if field.kinds & DATE:
            field.kinds = field.kinds & ~DATE | TEXT
    _check_rows(job, shape, again)


def _check_parquet(job: Job) -> None:
    path = job.source.file
    try:
        names, metadata = parquet_schema(path)
        shape = Shape()
        shape.add(dict.fromkeys(names))
        places = picture_places(metadata, look(shape, job.settings).columns)
        cwd = str(job.settings.cwd)
        _check_rows(job, shape, lambda: (decoded(row, places, cwd) for row in parquet_rows(path)))
    except NoPyarrowError:
        job.rows = 1
        hint = "pip install 'vlft[data]'"
        job.say(rules.NEEDS_PYARROW.found("Parquet files can't be read here", hint))
    except BrokenLineError as error:
        job.broken(error)


def _check_rows(
    job: Job,
    shape: Shape,
    rows: Callable[[], Iterable[Row]],
    *,
    json: bool = False,
    padded: bool = False,
) -> None:
    checker = RowChecker(job, look(shape, job.settings, padded=padded))
    if json:
        checker.nulls = NullFirst(checker.look.schema)
    try:
        for row in rows():
            job.rows = row.number
            job.split.hashes.add(row.raw)
            job.advance(len(row.raw))
            checker.check(row.value, row.number, row.line)
    except BrokenLineError as error:
        job.broken(error)
    checker.finish()


def _text_rows(stream: IO[bytes]) -> Iterator[Row]:
    """Lines of plain text: ms-swift makes an answer of each."""
    for number, raw in enumerate(stream, 1):
        try:
            text = raw.decode().rstrip("\r\n")
        except UnicodeDecodeError as error:
            problem = rules.ENCODING.found(str(error.reason), "save the file as UTF-8")
            raise BrokenLineError(problem, number, number, error.start + 1) from None
        yield Row(number, number, {"text": text}, raw)
