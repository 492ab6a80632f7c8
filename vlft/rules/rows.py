"""What the rows of a config's data files give the validator to say.

One finding for a file and a rule: `vlft data check` names every row.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vlft.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vlft.config.entry import KeyPath
    from vlft.data.checking.findings import RowFinding
    from vlft.data.from_config import ConfiguredData
    from vlft.findings import Finding, Severity
    from vlft.probe.data_entries import DataEntry
    from vlft.resolve.run import RunSpec

Scan = Literal["none", "quick", "full"]
"""How much of the data is read: nothing; a few rows of each file; all of it."""


@dataclass(frozen=True, slots=True)
class EntryFinding:
    """All that a rule has to say about one file.

    Attributes:
        rule: Its id.
        severity: Of the rule.
        message: About the first row.
        hint: What to write instead.
        file: As ms-swift is given it.
        line: Of that row; None for the file itself.
        count: Rows that it holds for.
    """

    rule: str
    severity: Severity
    message: str
    hint: str | None
    file: str
    line: int | None
    count: int


def row_findings(run: RunSpec, scan: Scan) -> list[Finding]:
    """Findings at the entries of `data.train` and `data.val`.

    Args:
        run: The run.
        scan: How much to read.

    Raises:
        VlftError: If a limit on pixels is not a number.
        OSError: If a file can't be read.
    """
    facts = run.facts
    places: dict[str, KeyPath] = {}
    for key, named in (("train", facts.train), ("val", facts.val)):
        for index, entry in enumerate(named):
            if entry.kind == "file" and entry.size:  # rules of configs judge the others
                places.setdefault(entry.argument, ("data", key, index))
    entries = [one for one in (*facts.train, *facts.val) if one.argument in places]
    if scan == "none" or not entries:
        return []
    found = _quick(run, entries) if scan == "quick" else _full(_data(run))
    return [_finding(run, one, places) for one in found if one.file in places]


def _finding(run: RunSpec, entry: EntryFinding, places: dict[str, KeyPath]) -> Finding:
    where = "" if entry.line is None else f" line {entry.line}"
    others = counted(entry.count - 1, "more row")
    more = f" ({others} like this: vlft data check)" if entry.count > 1 else ""
    message = f"{Path(entry.file).name}{where}: {entry.message}{more}"
    path = places[entry.file]
    return run.loaded.source.finding(entry.rule, entry.severity, path, message, entry.hint)


def _quick(run: RunSpec, entries: list[DataEntry]) -> Iterator[EntryFinding]:
    from vlft.data.check import quick_check  # noqa: PLC0415 - only where there is data

    return _grouped(quick_check([entry.argument for entry in entries], _data(run).settings))


def _full(data: ConfiguredData) -> tuple[EntryFinding, ...]:
    """The verdict on whole files; the one of the last time where nothing has changed."""
    from vlft.data.cache import read_verdict, verdict_key, write_verdict  # noqa: PLC0415
    from vlft.data.check import check_files  # noqa: PLC0415 - only when asked for
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
    write_verdict(
        key,
        [
            (one.rule, one.severity, one.message, one.hint, one.file, one.line, one.count)
            for one in told
        ],
    )
    return told


def _grouped(findings: Iterable[RowFinding]) -> Iterator[EntryFinding]:
    """One for each file and rule, in the order in which they were met."""
    first: dict[tuple[str, str], RowFinding] = {}
    counts: dict[tuple[str, str], int] = {}
    for one in findings:
        first.setdefault((one.file, one.rule), one)
        counts[one.file, one.rule] = counts.get((one.file, one.rule), 0) + 1
    for (file, rule), one in first.items():
        yield EntryFinding(
            rule, one.severity, one.message, one.hint, file, one.line, counts[file, rule]
        )


def _data(run: RunSpec) -> ConfiguredData:
    from vlft.data.from_config import data_of_run  # noqa: PLC0415 - imports much

    return data_of_run(run)
