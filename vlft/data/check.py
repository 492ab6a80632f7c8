"""`vlft data check`, and the quick check of `vlft validate`: what the trainer will do with rows."""

from __future__ import annotations

import gc
import json
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import xxhash

from vlft import __version__
from vlft.data import rules
from vlft.data.checking.file import check_file, format_of, unread
from vlft.data.checking.lines import LinesReader, first_look
from vlft.data.checking.repeats import report_duplicates, report_leaks
from vlft.data.checking.rows import Job, RowChecker, Split
from vlft.data.checking.tally import Tally
from vlft.data.findings import DataReport, RowFinding, Sink
from vlft.data.reading.chunks import Piece
from vlft.data.reading.lines import BrokenLineError, rows_of
from vlft.data.rows.media import new_probe
from vlft.data.settings import SEVERAL_TEXTS, CheckSettings
from vlft.files import read_json, write_json
from vlft.probe.data_entries import bytes_of, parse_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from vlft.data.from_config import ConfiguredData
    from vlft.data.rows.columns import FirstLook


_ALL_COUNTED = 256 << 20
"""Bytes of all files up to which the tokens of every row are counted."""
_ONE_OF = 16
"""Of how many rows of larger files one is counted."""
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

    sink, probe = Sink(settings, ignore), new_probe(settings)
    train, held_out = splits = Split(seen={} if val else None), Split(seen={} if val else None)
    often = gc.get_threshold()
    gc.set_threshold(_SELDOM)  # rows are no cycles, and there are many
    try:
        counter = open_counter(settings)
        several = settings.task == "rlhf" or settings.swift.get("task_type") in SEVERAL_TEXTS
        tally = None
        if counter and not several:
            large = bytes_of((*files, *val), settings.cwd) > _ALL_COUNTED
            tally = Tally(counter, _ONE_OF if large else 1)
        for split, names in zip(splits, (files, val), strict=True):
            for text in names:
                source = parse_entry(text, settings.cwd)
                job = Job(source, settings, sink, probe, split, advance, tally)
                _check_source(job)
                split.files.append(job)
        _report_mixture(train.files, settings)
        report_duplicates(train)
        if val:
            report_leaks(train, held_out, probe)
        rows = sum(job.rows for split in splits for job in split.files)
        tokens = tally.counts(settings.max_length) if tally else None
        return DataReport(sink, [*files, *val], rows, tokens)
    finally:
        gc.set_threshold(*often)
        probe.close()


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


def _check_source(job: Job) -> None:
    problem = unread(job.source)
    if problem is not None:
        job.say(problem)
        return
    check_file(job)
    asked = job.source.sample
    if asked is not None and 0 < job.rows < asked:
        message = f"{asked} rows are asked for, and the file has {job.rows}"
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
    sink, probe, split = Sink(settings), new_probe(settings, open_files=False), Split()
    jobs = [Job(parse_entry(text, settings.cwd), settings, sink, probe, split) for text in files]
    for job in jobs:
        _check(job)
    _report_mixture(jobs, settings)
    return list(sink)


def _check(job: Job) -> None:
    problem = unread(job.source)
    if problem is not None:
        if problem.rule is not rules.HUB:
            job.say(problem)
    elif not job.source.size:
        job.say(rules.EMPTY.found("the file has no rows", "name a file with rows"))
    elif format_of(job.source.file) == "json":
        _check_lines(job)


def _check_lines(job: Job) -> None:
    start, others = samples(job.source.file)
    if start.startswith(_UNREAD):
        return
    columns = tuple(job.settings.columns.items())
    look = _first_look(start + b"\n".join(others), columns, job.settings.aliases)
    checker = RowChecker(job, look)
    try:
        LinesReader(checker).read(Piece(job.source.file, 0, len(start), start))
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
    job.kept, job.pictured = checker.kept, checker.pictured


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


_SCHEMA: Final = 2


def verdict_key(data: ConfiguredData) -> str:
    """What the verdict on a config's data depends on, as a file name.

    A verdict holds for the same bytes (path, size, time of change), settings and releases; whether
    the pictures that the rows name are still there is not asked again.
    """
    files: list[object] = []
    for name in (*data.train, "", *data.val):
        source = parse_entry(name, data.settings.cwd) if name else None
        if source is not None and source.kind == "file":
            status = source.file.stat()
            files.append((name, status.st_size, status.st_mtime_ns, status.st_ino))
        else:
            files.append(name)
    settings = msgspec.structs.asdict(data.settings)
    family = data.settings.family
    settings |= {"family": family.swift_model_type if family else None, "vision": None}
    told = (_SCHEMA, __version__, files, settings, find_spec("av") is not None)
    return xxhash.xxh3_128_hexdigest(json.dumps(told, default=str, sort_keys=True).encode())


def read_verdict(key: str) -> list[Any] | None:
    """The rows that `write_verdict` kept; None if there are none."""
    kept = read_json(_cache_folder() / f"{key}.json")
    return None if kept is None else kept.get("told")


def write_verdict(key: str, told: Sequence[Sequence[object]]) -> None:
    """Keeps a verdict. A cache that can't be written is no reason to stop."""
    with suppress(OSError):
        _cache_folder().mkdir(parents=True, exist_ok=True)
        write_json(_cache_folder() / f"{key}.json", {"told": [list(row) for row in told]})


def _cache_folder() -> Path:
    import platformdirs  # noqa: PLC0415 - not for the quick check

    return Path(platformdirs.user_cache_dir("vlft", appauthor=False), "data")
