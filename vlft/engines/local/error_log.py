"""The root cause in a trainer's stderr.log.

What stands last is seldom the cause: torchrun reports the failure in a traceback of its own, the
other ranks fail because the first one did, and ms-swift logs tracebacks of bad rows and goes on.
Formats seen: CPython 3.11, torch 2.14 (torchrun, excepthook with `[rank0]: `, ProcessGroupNCCL),
ms-swift 4.6 (`[INFO:swift] Traceback …`), tqdm (bars end in a carriage return).
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from msgspec import Struct

from vlft.engines.process import KILL_GUESS
from vlft.security.masking import mask_text
from vlft.security.secrets import mask_met

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_WINDOW = 256 * 1024  # bytes
_LONGEST = 500  # characters of an error
_LAST_LINES = 40  # in which a line that looks like an error is taken for one
_MORE_LINES = 4  # of a message that goes on after its first line

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_RANK = re.compile(r"\[(?:rank|default)?(\d+)\]:\s?")
_HEADER = "Traceback (most recent call last):"
_CHAIN = re.compile(r"During handling of the above|The above exception was the direct cause")
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:: |:?$)")
# Where the message of an exception ends: a log record, a progress bar, torchrun's banner.
_RECORD = re.compile(
    r"\[|[WEIF]\d{4} |\d{4}-\d\d-\d\d|wandb: |Exception (?:ignored )?in|"
    r"\*{5}|={5}|-{5}|.*\d+%\||.*Warning: "
)
_WRAPPER = re.compile(r"(?:[\w.]+\.)?(?:ChildFailedError|SignalException|CalledProcessError)\b")
# What a rank says because another one has gone.
_SECONDARY = re.compile(
    r"(?:[\w.]+\.)?(?:DistBackendError|DistNetworkError|BrokenPipeError|ConnectionResetError|"
    r"KeyboardInterrupt|EOFError)\b|.*(?:onnection closed by peer|onnection reset by peer|"
    r"NCCL communicator was aborted)"
)
# Errors that reach the log without a traceback, the most telling first.
_PLAIN = tuple(
    re.compile(pattern)
    for pattern in (
        r"Watchdog caught collective operation timeout",
        r"OutOfMemoryError|out of memory",
        r"CUDA error",
        r"Fatal Python error|Segmentation fault|^\s*what\(\): ",
        r"^terminate called|FATAL: exception not rethrown|^pure virtual method called",
        r"^(?:free\(\)|malloc\(\)|double free or corruption|corrupted )",
        r"\bKilled\s*$",
    )
)
_USAGE = (re.compile(r"(?i)\berror: "),)  # argparse: sft.py: error: argument …
_TORCHRUN = re.compile(r"^\s*(rank|exitcode|traceback)\s*: (.*)$", re.MULTILINE)
_LAST_RESORT = re.compile(
    r"(?i)error|exception|fatal|failed|denied|not found|no such|cannot|can't|abort|invalid"
)


class _Raised(Struct, frozen=True):
    """The last exception of a chain, as a traceback printed it.

    Attributes:
        message: From the exception's name on.
        rank: Of the process, where its lines say so.
        survived: Whether the program only logged it, or it was raised beside the main thread.
    """

    message: str
    rank: int | None
    survived: bool


def last_error(log: Path, noise: re.Pattern[bytes] | None = None) -> str | None:
    """The error that ended a trainer, in at most 500 characters; None if none is to be seen.

    A secret in it is masked.

    Reads the last 256 KiB of the file, and the first 256 KiB if there is nothing in those.

    Args:
        log: What the trainer wrote to stderr.
        noise: What others wrote between.
    """
    try:
        with log.open("rb") as file:
            head = file.read(_WINDOW)
            file.seek(max(0, file.seek(0, os.SEEK_END) - _WINDOW))
            tail = file.read(_WINDOW)
    except OSError:
        return None
    last = _cleaned(tail, noise)
    error = _root_cause(last) or _root_cause(_cleaned(head, noise)) or _last_resort(last)
    if error is None:
        return None
    error = mask_met(mask_text(error))
    return error if len(error) <= _LONGEST else error[: _LONGEST - 1] + "…"


def _cleaned(data: bytes, noise: re.Pattern[bytes] | None) -> str:
    text = (noise.sub(b"", data) if noise else data).decode(errors="replace")
    return _ANSI.sub("", text.replace("\r", "\n"))


def _root_cause(text: str) -> str | None:
    raised = [one for one in _tracebacks(text) if not _WRAPPER.match(one.message)]
    _, found, banner = text.rpartition("Root Cause (first observed failure):")
    torchrun = {key: said.strip() for key, said in _TORCHRUN.findall(banner)} if found else {}
    rank = re.match(r"\d+", torchrun.get("rank", ""))
    chosen = _choose(
        [one for one in raised if not one.survived],
        int(rank[0]) if rank else None,
        many="torch.distributed" in text or "torchrun" in text,
    )
    if chosen is not None and not _SECONDARY.match(chosen.message):
        return chosen.message
    told = _torchrun_cause(torchrun)
    return (
        _plain(text, _PLAIN)
        or (told if told is not None and "Signal" in told else None)
        or (chosen.message if chosen is not None else None)
        or _plain(text, _USAGE)
        or told
        or (raised[-1].message if raised else None)
    )


def _choose(raised: list[_Raised], rank: int | None, *, many: bool) -> _Raised | None:
    """The cause among the exceptions that ended processes.

    Of one process it is the last one: earlier ones were caught. Of many, torchrun names the rank
    that failed first; else it is the first one that is no consequence of another.
    """
    ranked = [one for one in raised if one.rank is not None]
    of_rank = [one for one in ranked if one.rank == rank]
    if of_rank:
        return of_rank[-1]
    if not (many or ranked):
        return raised[-1] if raised else None
    # With ranks on some, those without were raised before there was a process group.
    candidates = ranked or raised
    own = [one for one in candidates if not _SECONDARY.match(one.message)]
    return next(iter(own or candidates), None)


def _tracebacks(text: str) -> Iterator[_Raised]:
    """Every chain of tracebacks in the text, the lines of each rank taken by themselves."""
    streams: dict[int | None, list[str]] = {}
    starts: list[tuple[int | None, int]] = []  # rank, and line within the rank's
    for raw in text.split("\n"):
        match = _RANK.match(raw)
        rank = int(match[1]) if match else None
        lines = streams.setdefault(rank, [])
        if _HEADER in raw:
            starts.append((rank, len(lines)))
        lines.append(raw[match.end() :] if match else raw)
    done: dict[int | None, int] = {}
    for rank, start in starts:
        if start < done.get(rank, 0):
            continue  # a later link of a chain
        lines = streams[rank]
        message, done[rank] = _chain(lines, start)
        if message is not None:
            before = next((line for line in reversed(lines[:start]) if line.strip()), "")
            beside = before.startswith(("Exception ignored", "Exception in thread"))
            yield _Raised(message, rank, survived=beside or ":swift] " in lines[start])


def _chain(lines: list[str], start: int) -> tuple[str | None, int]:
    """The message of the last exception of the chain that starts at a line, and where it ends."""
    message = None
    at = start
    while at < len(lines):
        at += 1
        while at < len(lines) and (not lines[at].strip() or lines[at][0].isspace()):
            at += 1  # frames, source lines and carets
        if at >= len(lines):
            break
        if _CHAIN.match(lines[at]) or _HEADER in lines[at]:
            continue
        if not _EXCEPTION.match(lines[at]):
            break
        message, at = _message(lines, at)
        following = next((line for line in lines[at : at + 3] if line.strip()), "")
        # A DataLoader repeats the traceback of its worker within the message.
        if not (_CHAIN.match(following) or following.startswith("Original Traceback")):
            break
    return message, at


def _message(lines: list[str], at: int) -> tuple[str, int]:
    """The message that starts at a line, and the line after it."""
    taken = [lines[at].strip()]
    for line in lines[at + 1 : at + 1 + _MORE_LINES]:
        if not line.strip() or _RECORD.match(line) or _HEADER in line:
            break
        taken.append(line.strip())
    return " ".join(taken), at + len(taken)


def _plain(text: str, patterns: Sequence[re.Pattern[str]]) -> str | None:
    lines = [_RANK.sub("", line, count=1) for line in text.split("\n")]
    for pattern in patterns:
        for line in lines:
            if pattern.search(line):
                return line.strip()
    return None


def _torchrun_cause(banner: dict[str, str]) -> str | None:
    """What torchrun says of a rank that left no traceback: mostly that a signal ended it."""
    if "rank" not in banner or "exitcode" not in banner:
        return None
    said = banner.get("traceback", "")
    if not said.startswith("Signal"):
        said = f"exit code {banner['exitcode']}"
    if "SIGKILL" in said:
        said += KILL_GUESS
    return f"rank {banner['rank']}: {said}"


def _last_resort(text: str) -> str | None:
    lines = [line.strip() for line in text.split("\n") if line.strip()][-_LAST_LINES:]
    told = [line for line in lines if not line.startswith("[INFO")]
    return next((line for line in reversed(told) if _LAST_RESORT.search(line)), None)
