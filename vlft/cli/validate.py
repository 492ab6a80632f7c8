"""`vlft validate`: everything that can be known before the run."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from vlft.cli.options import (
    HardwareOption,
    IgnoreOption,
    Scan,
    ScanOption,
    SetOption,
    ignored_rules,
)


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
    from vlft.config.discover import find_configs
    from vlft.environment import ENVIRON
    from vlft.findings import has_errors
    from vlft.output.findings import write_report
    from vlft.pipeline import look_at_hardware, prepare
    from vlft.probe.cache import FactCache

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
