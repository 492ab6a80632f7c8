"""The quick check of `vlft validate`: a few rows of each file, and no media is opened."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from vlft.data import rules
from vlft.data.checking.findings import Sink, finding
from vlft.data.checking.job import Hashes, Job
from vlft.data.checking.lines import LinesReader, first_look
from vlft.data.checking.report import mixture
from vlft.data.reading import formats
from vlft.data.reading.chunks import Piece
from vlft.data.reading.lines import BrokenLineError, rows_of
from vlft.data.rows.context import new_probe
from vlft.data.settings import CheckSettings
from vlft.probe.data_entries import parse_entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vlft.data.checking.findings import RowFinding
    from vlft.data.checking.first_look import FirstLook

FIRST: Final = 16 << 10
"""Bytes at the start of a file whose rows are judged."""
SPREAD: Final = 8
"""Other places of the file at which a row is judged."""
_AT_ONCE: Final = 8 << 10
_UNREAD: Final = (b"[", b"\x1f\x8b", b"\xef\xbb\xbf")


def quick_check(files: Sequence[str], settings: CheckSettings) -> list[RowFinding]:
    """What the first rows of files, and some others, tell in a few milliseconds.

    Only JSON Lines are read; of other formats it is said whether ms-swift takes them. No row is
    counted in tokens.

    Args:
        files: As ms-swift is given them.
        settings: Of the run.

    Raises:
        OSError: If a file can't be read.
    """
    settings = replace(settings, tokenizer=None, max_length=None)
    sink, probe = Sink(), new_probe(settings, open_files=False)
    jobs = [Job(parse_entry(text, settings.cwd), settings, sink, probe, Hashes()) for text in files]
    for job in jobs:
        _check(job)
    pictured, rows = sum(job.pictured for job in jobs), sum(job.kept for job in jobs)
    mixed = mixture(settings, pictured, rows)
    return [*sink] if mixed is None else [*sink, finding(mixed, files[0])]


def _check(job: Job) -> None:
    source = job.source
    if source.kind == "missing":
        job.say(formats.missing(source.file))
    elif source.kind == "file":
        kind = formats.format_of(source.file)
        if kind == "none":
            job.say(formats.no_reader(source.file))
        elif not source.file.stat().st_size:
            job.say(rules.EMPTY.found("the file has no rows", "name a file with rows"))
        elif kind == "json":
            _check_lines(job)


def _check_lines(job: Job) -> None:
    start, others = samples(job.source.file)
    if start.startswith(_UNREAD):
        return
    columns = tuple(job.settings.columns.items())
    look = _first_look(b"".join([start, *others]), columns, job.settings.aliases)
    checker = job.checker(look)
    try:
        LinesReader(job, checker).read(Piece(job.source.file, 0, len(start), start))
    except BrokenLineError as error:
        job.broken(error)
        return
    checker.nulls = None  # it is not known what stands before the others
    for raw in others:
        try:
            for row in rows_of(raw, 1, 1):
                checker.check(row.value)
        except BrokenLineError as error:
            job.say(error.problem)
    job.kept, job.pictured = checker.kept, checker.with_media


@lru_cache(maxsize=16)
def _first_look(data: bytes, columns: tuple[tuple[str, str], ...], aliases: bool) -> FirstLook:
    """What some rows decide, once for all configs that name them."""
    return first_look(data, CheckSettings(columns=dict(columns), aliases=aliases))


def samples(path: Path) -> tuple[bytes, list[bytes]]:
    """Whole lines from the start, and a line from each of some places further on.

    Raises:
        OSError: If the file can't be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(FIRST)
        if size <= FIRST:
            return start, []
        start += file.readline()
        others = []
        for index in range(SPREAD):
            at = len(start) + (size - len(start)) * index // SPREAD
            file.seek(at)
            lines = file.read(_AT_ONCE).split(b"\n")
            if len(lines) > 2:  # noqa: PLR2004 - a part, a whole line, a part
                others.append(lines[1])
        return start, others
