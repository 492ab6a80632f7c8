"""Options that several commands share."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Optional

import typer

from vlft.output import console


class Format(str, Enum):
    """What is written to stdout."""

    TEXT = "text"
    JSON = "json"


def _print_version(asked: bool) -> None:
    if asked:
        from vlft import __version__

        console.write(f"vlft {__version__}")
        raise typer.Exit


version_option = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
]
SetOption = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer on Python 3.10 reads it at run time
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key: train.learning_rate=2e-4."),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code", help="Run the Python code of a folder that no run of yours made."
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="Form of what goes to stdout.")]
_HARDWARE = "The machine to judge for: here, none, or 4xA100-80G."


class Scan(str, Enum):
    """How much of the data files is read."""

    NONE = "none"
    QUICK = "quick"
    FULL = "full"


_SCAN = "Rows to judge: a few of each file, all, or none."
ScanOption = Annotated[Scan, typer.Option("--data", help=_SCAN)]
HardwareOption = Annotated[str, typer.Option("--hardware", metavar="MACHINE", help=_HARDWARE)]
IgnoreOption = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--ignore", metavar="RULE", help="A warning or info that is not to be heard."),
]


def ignored_rules(values: list[str] | None) -> frozenset[str]:
    """The ids that `--ignore` names.

    Raises:
        UsageError: If one does not exist, or is an error: those stop every run.
    """
    if not values:
        return frozenset()
    from vlft.errors import UsageError
    from vlft.rule_catalog import find_entry

    for entry in map(find_entry, values):
        if entry.severity == "error":
            hint = f"one place at a time: `# vlft: ignore[{entry.id}]` at the end of its line"
            raise UsageError(f"--ignore serves warnings and infos; {entry.id} is an error", hint)
    return frozenset(values)
