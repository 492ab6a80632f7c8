"""`vlft data check`, and the quick check of `vlft validate`: what the trainer will do with rows."""

from __future__ import annotations

import gc
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from vlft.data import rules
from vlft.data.checking.file import check_file, format_of, missing, no_reader
from vlft.data.checking.lines import LinesReader, first_look
from vlft.data.checking.repeats import CheckedFile, Hashes, Rows, report_duplicates, report_leaks
from vlft.data.checking.rows import Job
from vlft.data.checking.tally import Tally
from vlft.data.findings import DataReport, Sink
from vlft.data.reading.chunks import Piece
from vlft.data.reading.lines import BrokenLineError, rows_of
from vlft.data.rows.context import new_probe
from vlft.data.settings import SEVERAL_TEXTS, CheckSettings
from vlft.probe.data_entries import parse_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from vlft.data.findings import RowFinding
    from vlft.data.rows.columns import FirstLook


_ALL_COUNTED = 256 << 20
"""Bytes of all files up to which the tokens of every row are counted."""
_ONE_OF = 16
_SELDOM = 100_000
"""Objects between two looks for cycles."""


def check_files(
    files: Sequence[str],
    settings: CheckSettings,
    *,
    val: Sequence[str] = (),
    ignore: Collection[str] = (),
    advance: Callable[[int], None] = lambda _: None,
) -> DataReport:
    """Judges every row of every file as ms-swift will.

    Args:
        files: As ms-swift is given them: paths, `path#N`, ids on a hub.
        settings: Of the run.
        val: Files for validation, checked as well, and against the others for leaks.
        ignore: Rules that are not to be heard.
        advance: Told of every byte that is done with.

    Raises:
        OSError: If a file can't be read.
    """
    from vlft.data.tokens.rows import open_counter  # noqa: PLC0415 - not for the quick check

    report = DataReport(Sink(ignore))
    probe = new_probe(settings)
    often = gc.get_threshold()
    gc.set_threshold(_SELDOM)  # rows are no cycles, and there are many
    try:
        jobs: list[Job] = []
        parts = [Rows(), Rows()]
        counter = open_counter(settings)
        several = settings.task == "rlhf" or settings.swift.get("task_type") in SEVERAL_TEXTS
        told = None if several else counter
        tally = Tally(told, _every((*files, *val), settings)) if told else None
        for rows, names in zip(parts, (files, val), strict=True):
            for text in names:
                source = parse_entry(text, settings.cwd)
                seen = rows.seen if val else None
                job = Job(source, settings, report.findings, probe, Hashes(), advance, seen, tally)
                _check_source(job)
                start = len(rows.hashes)
                rows.files.append(CheckedFile(text, source.file, start, job.numbered))
                rows.hashes.extend(job.hashes)
                job.hashes = Hashes()
                jobs.append(job)
                report.files.append(text)
                report.rows += job.rows
        train, held_out = parts
        _report_mixture(jobs[: len(files)], settings)
        report_duplicates(train, report.findings)
        if val:
            report_leaks(train, held_out, report.findings, probe)
        report.tokens = tally.counts(settings.max_length) if tally else None
    finally:
        gc.set_threshold(*often)
        probe.close()
    return report


def _report_mixture(jobs: Sequence[Job], settings: CheckSettings) -> None:
    """Says of rows with and without pictures what that means where ZeRO-3 shares the model out.

    A rank whose batch has no picture skips the vision tower, and the others wait for its part
    of the weights: the run hangs. ms-swift's templates for Qwen-VL and InternVL send a blank
    picture through the tower in that case.
    """
    pictured, rows = sum(job.pictured for job in jobs), sum(job.kept for job in jobs)
    if not settings.zero3 or not 0 < pictured < rows:
        return
    message = f"rows with pictures ({pictured}) and without ({rows - pictured}) under ZeRO-3"
    if settings.family is not None:
        title = settings.family.title
        said = f"{message}: {title} batches without any cost a blank one"
        jobs[0].say(rules.BLANK.found(said))
    else:
        hint = "write deepspeed: zero2, or train on rows of one kind at a time"
        said = f"{message}: ranks may wait for each other for ever"
        jobs[0].say(rules.MIXED.found(said, hint))


def _every(files: Sequence[str], settings: CheckSettings) -> int:
    """Of how many rows one is counted exactly: of large files not all."""
    sources = [parse_entry(text, settings.cwd) for text in files]
    size = sum(source.file.stat().st_size for source in sources if source.kind == "file")
    return 1 if size <= _ALL_COUNTED else _ONE_OF


def _check_source(job: Job) -> None:
    source = job.source
    if source.kind == "missing":
        job.say(missing(source.file))
        return
    if source.kind != "file":
        what = "a folder" if source.kind == "folder" else "no file here, but a data set on a hub"
        job.say(rules.HUB.found(f"{source.text} is {what}: unchecked"))
        return
    check_file(job)
    if source.sample is not None and 0 < job.rows < source.sample:
        message = f"{source.sample} rows are asked for, and the file has {job.rows}"
        hint = "rows are trained on several times an epoch; write a smaller N"
        job.say(rules.REPEATS.found(message, hint))


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
    settings = msgspec.structs.replace(settings, tokenizer=None, max_length=None)
    sink, probe = Sink(), new_probe(settings, open_files=False)
    jobs = [Job(parse_entry(text, settings.cwd), settings, sink, probe, Hashes()) for text in files]
    for job in jobs:
        _check(job)
    _report_mixture(jobs, settings)
    return list(sink)


def _check(job: Job) -> None:
    source = job.source
    if source.kind == "missing":
        job.say(missing(source.file))
    elif source.kind == "file":
        kind = format_of(source.file)
        if kind == "none":
            job.say(no_reader(source.file))
        elif not source.file.stat().st_size:
            job.say(rules.EMPTY.found("the file has no rows", "name a file with rows"))
        elif kind == "json":
            _check_lines(job)


def _check_lines(job: Job) -> None:
    start, others = samples(job.source.file)
    if start.startswith(_UNREAD):
        return
    columns = tuple(job.settings.columns.items())
    look = _first_look(start + b"\n".join(others), columns, job.settings.aliases)
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
