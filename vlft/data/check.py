"""`vlft data check`: what the trainer will do with every row of files."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from vlft.data import rules
from vlft.data.checking.file import check_file
from vlft.data.checking.findings import Sink, finding
from vlft.data.checking.job import Hashes, Job
from vlft.data.checking.repeats import Rows, report_duplicates, report_leaks
from vlft.data.checking.report import DataReport, mixture
from vlft.data.checking.tally import Tally
from vlft.data.reading import formats
from vlft.data.rows.context import new_probe
from vlft.data.settings import SEVERAL_TEXTS
from vlft.data.tokens.factory import open_counter
from vlft.probe.data_entries import parse_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from vlft.data.settings import CheckSettings

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
    report = DataReport(Sink(ignore))
    probe = new_probe(settings)
    often = gc.get_threshold()
    gc.set_threshold(_SELDOM)  # rows are no cycles, and there are many
    try:
        parts = []
        counter = open_counter(settings)
        several = settings.task == "rlhf" or settings.swift.get("task_type") in SEVERAL_TEXTS
        told = None if several else counter
        tally = Tally(told, _every((*files, *val), settings)) if told else None
        for names in (files, val):
            rows = Rows()
            parts.append(rows)
            for text in names:
                source = parse_entry(text, settings.cwd)
                seen = rows.seen if val else None
                job = Job(source, settings, report.findings, probe, Hashes(), advance, seen, tally)
                _check_source(job)
                rows.starts.append((len(rows.hashes), job))
                rows.hashes.extend(job.hashes)
                job.hashes = Hashes()
                report.files.append(text)
                report.rows += job.rows
        train, held_out = parts
        _report_mixture(train, report.findings, settings)
        report_duplicates(train, report.findings)
        if val:
            report_leaks(train, held_out, report.findings, probe)
        report.tokens = tally.counts(settings.max_length) if tally else None
    finally:
        gc.set_threshold(*often)
        probe.close()
    return report


def _report_mixture(train: Rows, sink: Sink, settings: CheckSettings) -> None:
    jobs = [job for _, job in train.starts]
    said = mixture(settings, sum(job.pictured for job in jobs), sum(job.kept for job in jobs))
    if said is not None:
        sink.add(finding(said, jobs[0].source.text))


def _every(files: Sequence[str], settings: CheckSettings) -> int:
    """Of how many rows one is counted exactly: of large files not all."""
    sources = [parse_entry(text, settings.cwd) for text in files]
    size = sum(source.file.stat().st_size for source in sources if source.kind == "file")
    return 1 if size <= _ALL_COUNTED else _ONE_OF


def _check_source(job: Job) -> None:
    source = job.source
    if source.kind == "missing":
        job.say(formats.missing(source.file))
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
