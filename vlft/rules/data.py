"""The files that are trained and evaluated on, and what their rows give the validator to say."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vlft.config.source import absolute
from vlft.resolve.steps import rows_of
from vlft.rules.base import Problem, Problems, RunSpec, rule
from vlft.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vlft.config.entry import KeyPath
    from vlft.data.findings import RowFinding
    from vlft.data.from_config import ConfiguredData
    from vlft.data.settings import CheckSettings
    from vlft.findings import Finding, Scan, Severity
    from vlft.probe.collect import FactCache
    from vlft.probe.data_entries import DataEntry


def _entries(run: RunSpec, *keys: str) -> Iterator[tuple[KeyPath, DataEntry]]:
    """Entries of `data.train`, `data.val` or both, each with its place."""
    for key, entries in (("train", run.facts.train), ("val", run.facts.val)):
        if key in keys:
            yield from ((("data", key, index), entry) for index, entry in enumerate(entries))


@rule("error", "late")
def not_found(run: RunSpec) -> Problems:
    """Every entry is a file that exists, or says `hf::` or `ms::`.

    Source: swift/dataset/dataset_syntax.py: asks the hub instead
    """
    for path, entry in _entries(run, "train", "val"):
        if entry.problem is not None:
            hint = "write `path#N` with a whole number, and a path without colons"
            yield Problem(path, f"{entry.problem} in `{entry.text}`", hint)
        elif entry.kind == "missing" or (entry.kind == "hub" and entry.hub is None):
            file = entry.path or absolute(entry.text, run.loaded.source.base_dir(path))
            yield Problem(
                path,
                f"there is no file `{file}`",
                "a relative path starts from the config file's folder; "
                f"a data set on a hub is written `hf::{entry.text}` or `ms::{entry.text}`",
            )


@rule("error", "late")
def empty(run: RunSpec) -> Problems:
    """No file is empty.

    Source: datasets: an empty file ends in StopIteration
    """
    for path, entry in _entries(run, "train", "val"):
        if entry.size == 0:
            yield Problem(path, f"`{entry.path}` is empty", "one row a line")


@rule("error", "late", says="AssertionError")
def nothing_left(run: RunSpec) -> Problems:
    """Each training entry keeps at least one row after the validation rows are split off.

    Source: swift/dataset/dataset_meta.py: DatasetLoader.post_process
    """
    share = run.args.get("split_dataset_ratio", float) or 0
    for path, entry in _entries(run, "train"):
        rows = rows_of(entry, share)
        if entry.sample == 0:
            hint = "write how many, or leave the entry out"
            yield Problem(path, f"`{entry.text}` takes 0 rows", hint)
        elif share and rows is not None and rows < 1 and entry.rows:
            yield Problem(
                path,
                f"`{entry.text}` is 1 row, and `data.val` takes it for validation: each entry "
                "gives one at least",
                "leave `data.val` out, name validation files, or add rows",
            )


@rule("warning", "silent")
def repeated_rows(run: RunSpec) -> Problems:
    """`path#N` asks for no more rows than the file has.

    Source: swift/dataset/utils.py: sample_dataset
    """
    for path, entry in _entries(run, "train"):
        if entry.rows and entry.sample is not None and entry.sample > entry.rows:
            times = entry.sample / entry.rows
            yield Problem(
                path,
                f"`{entry.text}` repeats rows: the file has {entry.rows}, "
                f"each would be seen {times:.3g} times an epoch",
                f"write `{entry.text.rpartition('#')[0]}`, or more epochs",
            )


@rule("error", "late", says="AssertionError")
def val_sample(run: RunSpec) -> Problems:
    """A validation file has as many rows as `#N` asks for, and N is not 0.

    Source: swift/dataset/dataset_meta.py: DatasetLoader.post_process
    """
    for path, entry in _entries(run, "val"):
        if entry.sample is None:
            continue
        too_many = entry.rows is not None and entry.sample > entry.rows
        if entry.sample == 0 or too_many:
            has = f"; the file has {entry.rows}, and none is taken twice" if too_many else ""
            message = f"`{entry.text}` asks for {counted(entry.sample, 'row')}{has}"
            yield Problem(path, message, f"write `{entry.text.rpartition('#')[0]}` for all of them")


@rule("error", "late")
def interleave_prob(run: RunSpec) -> Problems:
    """`interleave_prob` has one share for each training entry, and they sum to 1.

    Source: swift/dataset/loader.py: load_dataset → datasets.interleave_datasets
    """
    shares = run.args.given_texts("interleave_prob")
    numbers = run.args.numbers("interleave_prob")
    if not shares:
        return
    count, path = len(run.facts.train), ("swift", "interleave_prob")
    if len(numbers) != len(shares) or count == 1:
        return  # one entry alone is not interleaved, and no share is looked at
    hint = "shares from 0 that sum to 1"
    if len(numbers) != count:
        message = f"{counted(len(numbers), 'share')} for {count} entries of `data.train`"
        yield Problem(path, message, "one share for each entry, in their order")
    elif min(numbers) < 0:
        yield Problem(path, f"a share is {min(numbers):g}", hint)
    elif not math.isclose(sum(numbers), 1, abs_tol=1e-6):
        yield Problem(path, f"the shares sum to {sum(numbers):.6g}", hint)


@rule(
    "error",
    "aborts",
    says="--dataloader_prefetch_factor can only be set when data is loaded in a different process",
)
def prefetch_without_workers(run: RunSpec) -> Problems:
    """`dataloader_prefetch_factor` is given only where worker processes load the data.

    Source: transformers/training_args.py: _validate_args
    """
    given = run.args.is_given("dataloader_prefetch_factor")
    if given and run.args.get("dataloader_num_workers", int) == 0:
        message = "`dataloader_prefetch_factor` without a worker: `dataloader_num_workers` is 0"
        hint = "remove it, or write dataloader_num_workers: 1 or more"
        yield Problem(("swift", "dataloader_prefetch_factor"), message, hint, at_key=True)


@rule("error", "late", says="Cached dataset does not support streaming.")
def cached_streaming(run: RunSpec) -> Problems:
    """A data set that `swift export` tokenised before is not streamed.

    Source: swift/pipelines/train/sft.py: _prepare_dataset
    """
    for name in ("cached_dataset", "cached_val_dataset"):
        if run.args.flag("streaming") and run.args.given_texts(name):
            hint = "streaming: false"
            yield Problem(("swift", name), f"`{name}` can't be streamed", hint, at_key=True)


@rule("error", "silent")
def truncation(run: RunSpec) -> Problems:
    """A vision-language model's rows are left out when too long, not cut.

    Source: swift/template/base.py: _truncate keeps image tokens and drops text
    """
    strategy = run.args.given("truncation_strategy", str)
    if strategy in {"left", "right"} and run.family is not None:
        lost = "the answer" if strategy == "right" else "the system prompt and the question"
        yield Problem(
            ("swift", "truncation_strategy"),
            f"`{strategy}` keeps every image token and cuts the text: rows that are too long "
            f"lose {lost}, and may train on nothing",
            "leave it out (`delete` skips such rows), and fit them with `pixels.max` or "
            "`data.max_length`",
        )


@rule("error", "late", says="`--truncation_strategy split`")
def split_strategy(run: RunSpec) -> Problems:
    """`truncation_strategy: split` is for `task: pt` without lazy tokenising.

    Source: swift/pipelines/train/sft.py: _encode_dataset
    """
    config, path = run.config, ("swift", "truncation_strategy")
    if run.args.given("truncation_strategy", str) != "split":
        return
    if not run.args.is_off("use_chat_template"):
        message = f"`split` cuts plain text into pieces; `task: {config.task}` has a chat template"
        other = "write task: pt" if config.task != "pt" else "remove use_chat_template"
        yield Problem(path, message, f"leave it out, or {other}")
    elif run.args.flag("lazy_tokenize"):
        hint = "add `swift: {lazy_tokenize: false}`"
        yield Problem(path, "`split` needs all rows tokenised before", hint)


# The rows. One finding for a file and a rule: `vlft data check` names every row. --------------


class EntryFinding(NamedTuple):
    """All that a rule has to say about one file.

    Attributes:
        rule: Its id.
        severity: Of the rule.
        message: About the first row.
        hint: What to write instead.
        file: As ms-swift is given it.
        line: Of that row; None for the file itself.
        rows: How many it holds for.
    """

    rule: str
    severity: Severity
    message: str
    hint: str | None
    file: str
    line: int | None
    rows: int


def row_findings(run: RunSpec, scan: Scan, cache: FactCache) -> list[Finding]:
    """Findings at the entries of `data.train` and `data.val`.

    Args:
        run: The run.
        scan: How much to read.
        cache: What other configs of the same call have read already.

    Raises:
        VlftError: If a limit on pixels is not a number.
        OSError: If a file can't be read.
    """
    places: dict[str, KeyPath] = {}
    for path, entry in _entries(run, "train", "val"):
        if entry.kind == "file" and entry.size:  # rules of configs judge the others
            places.setdefault(entry.argument, path)
    if scan == "none" or not places:
        return []
    from vlft.data.from_config import data_of_run  # noqa: PLC0415 - imports much

    data = data_of_run(run)
    if scan == "quick":
        files = [name for name in (*data.train, *data.val) if name in places]
        found = cache.once_equal(_quick, files, data.settings)
    else:
        found = _full(data)
    return [_finding(run, one, places[one.file]) for one in found if one.file in places]


def _finding(run: RunSpec, entry: EntryFinding, path: KeyPath) -> Finding:
    where = "" if entry.line is None else f" line {entry.line}"
    others = counted(entry.rows - 1, "more row")
    more = f" ({others} like this: vlft data check)" if entry.rows > 1 else ""
    message = f"{Path(entry.file).name}{where}: {entry.message}{more}"
    return run.loaded.source.finding(entry.rule, entry.severity, path, message, entry.hint)


def _quick(files: Sequence[str], settings: CheckSettings) -> tuple[EntryFinding, ...]:
    from vlft.data.check import quick_check  # noqa: PLC0415 - only where there is data

    return tuple(_grouped(quick_check(files, settings)))


def _full(data: ConfiguredData) -> tuple[EntryFinding, ...]:
    """The verdict on whole files; the one of the last time where nothing has changed."""
    from vlft.data.check import (  # noqa: PLC0415 - only when asked for
        check_files,
        read_verdict,
        verdict_key,
        write_verdict,
    )
    from vlft.output.console import progress  # noqa: PLC0415
    from vlft.probe.data_entries import bytes_of  # noqa: PLC0415

    key = verdict_key(data)
    kept = read_verdict(key)
    if kept is not None:
        return tuple(EntryFinding(*row) for row in kept)
    names = [*data.train, *data.val]
    with (
        progress(bytes_of(names, data.settings.cwd), "checking rows") as advance,
        check_files(data.train, data.settings, val=data.val, advance=advance) as report,
    ):
        told = tuple(_grouped(report.findings))
    write_verdict(key, told)
    return told


def _grouped(findings: Iterable[RowFinding]) -> Iterator[EntryFinding]:
    """One for each file and rule, in the order in which they were met."""
    first: dict[tuple[str, str], RowFinding] = {}
    counts: dict[tuple[str, str], int] = {}
    for one in findings:
        first.setdefault((one.file, one.rule), one)
        counts[one.file, one.rule] = counts.get((one.file, one.rule), 0) + 1
    for key, one in first.items():
        yield EntryFinding(
            one.rule, one.severity, one.message, one.hint, one.file, one.line, counts[key]
        )
