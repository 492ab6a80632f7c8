"""`vlft validate`: everything that can be known before the run."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from vlft.cli.options import (
    HardwareOption,
    IgnoreOption,
    Scan,
    ScanOption,
    SetOption,
    ignored_rules,
)
from vlft.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ENDINGS: Final = (".yaml", ".yml")


def find_configs(words: Iterable[str]) -> list[str]:
    """Files as they are named; all YAML files below a folder; what a glob matches, sorted.

    A file that does not exist stays in the list: reading it says so.

    Raises:
        UsageError: If a folder holds no YAML file, or a glob matches nothing.
    """
    return list(dict.fromkeys(name for word in words for name in _named(word)))


def _named(word: str) -> Iterator[str]:
    if os.path.isdir(word):  # noqa: PTH112 - a NUL is no error here
        found = sorted(_below(word))
        if not found:
            hint = "folders whose names begin with a dot are not looked into"
            raise UsageError(f"there is no *.yaml or *.yml file below `{word}`", hint)
        yield from found
    elif any(char in word for char in "*?[") and not os.path.lexists(word):
        import glob

        matches = sorted(glob.glob(word, recursive=True))  # noqa: PTH207 - keeps `./`
        if not matches:
            raise UsageError(f"no file matches `{word}`", "`**` stands for folders of any depth")
        for match in matches:
            yield from _below(match) if Path(match).is_dir() else [match]
    else:
        yield word


def _below(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if name.endswith(_ENDINGS):
                yield os.path.join(parent, name)  # noqa: PTH118 - keeps `./`


class FindingFormat(str, Enum):
    """How findings are written to stdout."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


def validate(
    configs: Annotated[
        list[str],
        typer.Argument(metavar="CONFIG...", help="YAML files, folders of them, quoted globs."),
    ],
    overrides: SetOption = None,
    hardware: HardwareOption = "none",
    data: ScanOption = Scan.QUICK,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    ignore: IgnoreOption = None,
    output_format: Annotated[
        FindingFormat, typer.Option("--format", help="Form of what goes to stdout.")
    ] = FindingFormat.TEXT,
) -> None:
    """Say everything that is wrong with configs, without starting anything."""
    from vlft.environment import ENVIRON
    from vlft.findings import has_errors
    from vlft.output.findings import write_report
    from vlft.pipeline import look_at_hardware, prepare
    from vlft.probe.collect import FactCache

    names, unheard = find_configs(configs), ignored_rules(ignore)
    machine, cache = look_at_hardware(hardware), FactCache()
    environ = ENVIRON.snapshot()  # decoded once
    documents: dict[str, str] = {}
    files = {}
    for name in names:
        prepared = prepare(
            name,
            overrides or (),
            machine,
            environ,
            data=data.value,
            ignore=unheard,
            cache=cache,
        )
        files[name] = prepared.findings
        if prepared.findings:
            documents.update(prepared.documents)
    write_report(files, documents, output_format.value)
    found = [finding for findings in files.values() for finding in findings]
    failed = has_errors(found) or (strict and any(f.severity == "warning" for f in found))
    raise typer.Exit(1 if failed else 0)
