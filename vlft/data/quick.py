"""The quick part of a check: is the file there, what are its columns, and a few of its rows.

Imports nothing but the standard library beside vlft's own rules: it is part of `vlft validate`.
Pictures are looked for, not into.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from vlft.data.checking.findings import RowFinding, finding
from vlft.data.checking.first_look import look
from vlft.data.checking.report import mixture
from vlft.data.loading.load import load
from vlft.data.outcomes import RowLostError
from vlft.data.reading import problems
from vlft.data.reading.lines import BrokenLineError, lines_are_loose_json, rows_of
from vlft.data.reading.problems import format_hint, format_of
from vlft.data.rows import media_rules
from vlft.data.rows.coercion import check_lost
from vlft.data.rows.sample import to_sample
from vlft.data.rows.tags import check_specials, check_tags
from vlft.data.rows.turns import check_tools, check_turns
from vlft.data.schema.shape import Shape
from vlft.models import DEFAULT_FAMILY
from vlft.probe.data_entries import parse_entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from vlft.data.checking.first_look import FirstLook
    from vlft.data.outcomes import RowProblem
    from vlft.data.rows.context import Context
    from vlft.data.rows.sample import Sample
    from vlft.data.settings import CheckSettings
    from vlft.probe.data_entries import DataEntry

_CHECKS = (check_tools, check_turns, check_tags, check_specials)


@dataclass
class _Seen:
    """Rows that were looked at, and those of them with pictures or videos."""

    rows: int = 0
    pictured: int = 0

    def add(self, sample: Sample) -> None:
        self.rows += 1
        self.pictured += bool(sample.images or sample.videos)


class _QuickContext:
    """As much of a `Context` as the rules here ask for; no picture is opened."""

    def __init__(self, settings: CheckSettings, found: FirstLook, seen: _Seen) -> None:
        self.settings = settings
        self.seen = seen
        self.columns = found.columns
        self.lost = dict(found.lost)
        self.cwd: Path = settings.cwd
        self.family = settings.family or DEFAULT_FAMILY


def quick_check(files: Sequence[str], settings: CheckSettings) -> list[RowFinding]:
    """What the first rows of files, and some others, tell in a few milliseconds.

    Only JSON Lines are read; of other formats it is said whether ms-swift takes them.

    Args:
        files: As ms-swift is given them.
        settings: Of the run.

    Raises:
        OSError: If a file can't be read.
    """
    found: list[RowFinding] = []
    seen = _Seen()
    for text in files:
        found += _check(parse_entry(text, settings.cwd), settings, seen)
    mixed = mixture(settings, seen.pictured, seen.rows)
    return found if mixed is None else [*found, finding(mixed, files[0])]


def _check(source: DataEntry, settings: CheckSettings, seen: _Seen) -> Iterator[RowFinding]:
    if source.kind == "missing":
        message = f"there is no file {source.file}"
        hint = "ms-swift takes a relative path that does not exist for a data set on the hub"
        yield finding(problems.MISSING.found(message, hint), source.text)
        return
    if source.kind != "file":
        return
    kind = format_of(source.file)
    if kind == "none":
        message = f"ms-swift has no reader for {source.file.suffix or 'a name without an ending'}"
        problem = problems.NO_READER.found(message, format_hint(source.file))
        yield finding(problem, source.text)
    elif not source.file.stat().st_size:
        yield finding(problems.EMPTY.found("the file has no rows"), source.text)
    elif kind == "json":
        yield from _check_lines(source, settings, seen)


def _check_lines(source: DataEntry, settings: CheckSettings, seen: _Seen) -> Iterator[RowFinding]:
    start, others = samples(source.file)
    if start.startswith((b"[", b"\x1f\x8b", b"\xef\xbb\xbf")):
        return
    shape, rows = Shape(), []
    try:
        for row in rows_of(start, 1, 1):
            shape.add(row.value or {})
            rows.append(row)
        if not rows:
            return
    except BrokenLineError as error:
        yield finding(error.problem, source.text, error.row, error.line, error.column)
        return
    look_at = look(shape, settings, padded=not lines_are_loose_json(start))
    context = cast("Context", _QuickContext(settings, look_at, seen))
    for problem in look_at.problems:
        yield finding(problem, source.text)
    for row in rows:
        for problem in _judged(row.value or {}, look_at, context):
            yield finding(problem, source.text, row.number, row.line, settings=context.settings)
    for raw in others:
        yield from _check_other(raw, source, look_at, context)


def _check_other(
    raw: bytes, source: DataEntry, look_at: FirstLook, context: Context
) -> Iterator[RowFinding]:
    try:
        for row in rows_of(raw, 1, 1):
            for problem in _judged(row.value or {}, look_at, context):
                yield finding(problem, source.text, settings=context.settings)
    except BrokenLineError as error:
        yield finding(error.problem, source.text)


def _judged(value: dict[str, Any], look_at: FirstLook, context: Context) -> list[RowProblem]:
    row = look_at.schema.conform(value)
    found = list(check_lost(row, context))
    try:
        sample = to_sample(load(row, context.columns), context)
        cast("_QuickContext", context).seen.add(sample)
        for check in _CHECKS:
            found += check(sample, context)
        found += _missing(sample, context)
    except RowLostError as lost:
        found.append(lost.problem)
    except (TypeError, KeyError, AttributeError, ValueError, IndexError):
        pass  # the full check says what it is
    return found


def _missing(sample: Sample, context: Context) -> Iterator[RowProblem]:
    """Pictures and videos whose file is not there."""
    root = context.settings.root_image_dir
    named = [(f"images.{index}", name) for index, name in enumerate(sample.images)]
    named += [(f"videos.{index}", name) for index, name in enumerate(sample.videos)]
    for key, name in named:
        if not isinstance(name, str) or len(name) > 2000 or name.startswith(("http", "data:")):  # noqa: PLR2004
            continue
        places = [context.cwd / name.strip()]
        if root is not None:
            places.append(context.cwd / root / name.strip())
        if not any(map(os.path.exists, places)) and len(name) < 200:  # noqa: PLR2004 - base64
            rule = media_rules.BY_KIND["missing"]
            hint = f"paths start from {context.cwd}; never from the folder of the data file"
            yield rule.found(f"there is no file {name}", hint, key)


__all__ = ["quick_check"]


FIRST: Final = 16 << 10
"""Bytes at the start of a file whose rows are judged."""
SPREAD: Final = 8
"""Other places of the file at which a row is judged."""
_AT_ONCE: Final = 8 << 10


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
