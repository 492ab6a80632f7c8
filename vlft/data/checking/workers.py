"""Processes that share work out among themselves, whose results come in order.

Unlike multiprocessing's pool there is no queue and no lock that a process can die with, no thread
that starts others anew, and no wait for one that the kernel has killed. The processes are copies
of this one (fork): what they work with need not be sent to them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from multiprocessing.connection import Connection

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
