"""`vlft validate`: everything that can be known before the run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from typer import Argument, Option

from vlft.cli.options import (
    HardwareOption,
    IgnoreOption,
    ScanOption,
    SetOption,
    StrictOption,
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


def validate(
    configs: Annotated[
        list[str], Argument(metavar="CONFIG...", help="YAML files, folders of them, quoted globs.")
    ],
    overrides: SetOption = None,
    hardware: HardwareOption = "none",
    data: ScanOption = "quick",
    strict: StrictOption = False,
    ignore: IgnoreOption = None,
    output_format: Annotated[
        Literal["text", "json", "github", "sarif"],
        Option("--format", help="Form of what goes to stdout."),
    ] = "text",
) -> None:
    """Say everything that is wrong with configs, without starting anything."""
    from vlft.findings import has_errors
    from vlft.output.findings import write_report
    from vlft.pipeline import look_at_hardware, prepare_all

    names, ignored = find_configs(configs), ignored_rules(ignore)
    machine = look_at_hardware(hardware)
    documents: dict[str, str] = {}
    files = {}
    all_prepared = prepare_all(names, overrides or (), machine, data=data, ignore=ignored)
    for name, prepared in zip(names, all_prepared, strict=True):
        files[name] = prepared.findings
        if prepared.findings:
            documents.update(prepared.documents)
    write_report(files, documents, output_format)
    found = [finding for findings in files.values() for finding in findings]
    failed = has_errors(found) or (strict and any(f.severity == "warning" for f in found))
    raise typer.Exit(1 if failed else 0)
