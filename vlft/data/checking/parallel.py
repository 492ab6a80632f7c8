"""A large file in several processes, a few pieces at a time, put together in order."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from vlft.data.checking.findings import Sink
from vlft.data.checking.job import Hashes, Job
from vlft.data.checking.rows import RowChecker
from vlft.data.reading.chunks import Piece, boundaries, is_gzip
from vlft.data.reading.lines import BrokenLineError
from vlft.data.rows.context import Context, new_probe
from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from multiprocessing.connection import Connection

    from vlft.data.checking.findings import RowFinding
    from vlft.data.checking.first_look import FirstLook
    from vlft.data.checking.lines import LinesReader
    from vlft.data.media import Picture

Task = TypeVar("Task")
Result = TypeVar("Result")


def in_order(
    begin: Callable[[], Callable[[Task], Result]], tasks: Sequence[Task], processes: int
) -> Generator[Result, None, None]:
    """The results of all tasks, in their order.

    A process takes every `processes`-th task, and is at most a pipe's content ahead of the reader.
    When the reader stops, is interrupted or dies, they are ended.

    Args:
        begin: Called once in each process; gives what does a task there.
        tasks: What to do.
        processes: How many.

    Raises:
        VlftError: If a process was killed.
        Exception: What a task raised.
    """
    context = multiprocessing.get_context("fork")
    started, pipes = [], []
    ear, mouth = context.Pipe(duplex=False)  # silent; it ends with this process
    try:
        with _without_ctrl_c():
            for number in range(processes):
                reader, writer = context.Pipe(duplex=False)
                share = tasks[number::processes]
                pipes.append(reader)
                words = (begin, share, writer, ear, (mouth, *pipes))
                process = context.Process(target=_serve, args=words, daemon=True)
                process.start()
                started.append(process)
                writer.close()  # so that the end of the process is the end of the pipe
        for number in range(len(tasks)):
            yield _next(pipes[number % processes])
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.join()
        for end in (ear, mouth, *pipes):
            end.close()


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Ctrl-C waits, and what is started meanwhile never hears of it: its parent ends it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(
    begin: Callable[[], Callable[[Task], Result]],
    tasks: Sequence[Task],
    writer: Connection,
    ear: Connection,
    copies: tuple[Connection, ...],
) -> None:
    for copy in copies:  # of what the reader holds: with them, its end would not be heard
        copy.close()
    threading.Thread(target=_end_at_the_end_of, args=(ear,), daemon=True).start()
    with suppress(BrokenPipeError):  # nobody is left to read
        try:
            work = begin()
            for task in tasks:
                writer.send(work(task))
        except Exception as error:  # noqa: BLE001 - raised again by the reader
            writer.send(error)


def _end_at_the_end_of(ear: Connection) -> None:
    with suppress(EOFError, OSError):
        ear.recv_bytes()
    os._exit(1)


def _next(reader: Connection) -> Any:
    try:
        result = reader.recv()
    except EOFError:
        raise VlftError(
            "a process that read the file was killed, which is often the kernel's answer to "
            "memory running out",
            "--jobs 1 reads it in one process",
        ) from None
    if isinstance(result, Exception):
        raise result
    return result


PAYS: Final = 1 << 30
"""Bytes from which a second process pays unasked: it looks at every picture once more."""
_LEAST: Final = 32 << 20
"""Bytes for each process."""
_MOST: Final = 8
_TOGETHER: Final = 4
"""Pieces that a process takes at once."""


@dataclass
class Part:
    """What a process found in some pieces, numbered from 1.

    Attributes:
        rows: How many.
        lines: How many.
        size: Bytes.
        findings: All of them.
        hashes: Of the rows.
        kept: Rows that can be loaded.
        with_media: Rows with pictures.
        plain_images: Whether a row names pictures as texts.
        odd_images: Rows that have something else in their place: number, line, what.
        seen: Pictures.
        lengths: Tokens of rows → how many have so many.
        untold: Rows whose tokens can't be told.
        broken: Where the load of the file ends.
    """

    rows: int
    lines: int
    size: int
    findings: list[RowFinding]
    hashes: Hashes
    kept: int
    with_media: int
    plain_images: bool
    odd_images: list[tuple[int, int, str]]
    seen: dict[str, Picture] | None
    lengths: dict[int, int]
    untold: int
    broken: tuple[Any, int, int, int] | None


def processes(job: Job) -> int:
    """How many processes a file is worth."""
    path = job.source.file
    size = path.stat().st_size
    if is_gzip(path):
        return 1
    cores = len(os.sched_getaffinity(0))
    asked = job.settings.jobs or (min(2, cores) if size >= PAYS else 1)
    return max(1, min(asked, _MOST, size // _LEAST))


def read_in_parallel(job: Job, reader: LinesReader, look: FirstLook, jobs: int) -> None:
    """Checks all pieces of a file.

    Args:
        job: Of the file.
        reader: Takes the numbers of rows and lines in.
        look: What its first piece decides.
        jobs: Processes.

    Raises:
        BrokenLineError: Where the load of the file fails.
        VlftError: If one of the processes was killed.
    """
    spans = boundaries(job.source.file)
    tasks = [spans[at : at + _TOGETHER] for at in range(0, len(spans), _TOGETHER)]
    said: set[tuple[str, str]] = set()
    with closing(in_order(lambda: _Worker(job, look).work, tasks, jobs)) as parts:
        for part in parts:
            _take(job, reader, part, said)


def _take(job: Job, reader: LinesReader, part: Part, said: set[tuple[str, str]]) -> None:
    checker = reader.checker
    for found in part.findings:
        if found.rule in {"file.quoted", "file.schema"}:
            if (found.rule, found.path) in said or (found.rule == "file.schema" and said):
                continue
            said.add((found.rule, found.path))
        job.sink.add(found.moved(job.rows, reader.lines))
    checker.kept += part.kept
    checker.with_media += part.with_media
    checker.plain_images |= part.plain_images
    checker.odd_images += [
        (row + job.rows, line + reader.lines, value) for row, line, value in part.odd_images
    ]
    job.hashes.extend(part.hashes)
    if job.seen is not None and part.seen is not None:
        job.seen.update(part.seen)
    if job.tally is not None:
        job.tally.merge(part.lengths, part.untold)
    if part.broken is not None:
        problem, row, line, column = part.broken
        raise BrokenLineError(problem, row + job.rows, line + reader.lines, column)
    job.rows += part.rows
    reader.skip_lines(part.lines)
    job.advance(part.size)


class _Worker:
    """What a process keeps from task to task."""

    def __init__(self, job: Job, look: FirstLook) -> None:
        self.job = job
        self.look = look
        self.context = Context(job.settings, look.columns, look.lost, new_probe(job.settings))

    def work(self, spans: list[tuple[int, int]]) -> Part:
        from vlft.data.checking.lines import LinesReader  # noqa: PLC0415 - imports this module

        job = Job(self.job.source, self.job.settings, Sink(), self.context.probe, Hashes())
        tally = job.tally = self.job.tally.afresh() if self.job.tally else None
        self.context.seen = None if self.job.seen is None else {}
        checker = RowChecker(job.source.text, self.look, self.context, job.sink, tally)
        reader, broken = LinesReader(job, checker), None
        try:
            for start, end in spans:
                reader.read(Piece(job.source.file, start, end))
        except BrokenLineError as error:
            broken = (error.problem, error.row, error.line, error.column)
        if tally is not None:
            tally.finish()
        findings = list(job.sink)
        job.sink.close()
        return Part(
            job.rows,
            reader.lines,
            spans[-1][1] - spans[0][0],
            findings,
            job.hashes,
            checker.kept,
            checker.with_media,
            checker.plain_images,
            checker.odd_images,
            self.context.seen,
            tally.lengths if tally else {},
            tally.untold if tally else 0,
            broken,
        )
