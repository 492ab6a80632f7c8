"""Options that several commands share, and how they print a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Argument, Option

from vlft.errors import UsageError
from vlft.findings import Scan
from vlft.output import console

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Format = Literal["text", "json"]


def _print_version(asked: bool) -> None:
    if asked:
        from vlft import __version__

        console.write(f"vlft {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool, Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
]
VerboseOption = Annotated[
    bool,
    Option(
        "--verbose",
        envvar="VLFT_DEBUG",
        show_envvar=False,
        callback=lambda verbose: console.show_log(verbose=verbose),
        is_eager=True,
        help="Show each step, and where an internal error is.",
    ),
]
FormatOption = Annotated[Format, Option("--format", help="Form of what goes to stdout.")]

# Configs
SetOption = Annotated[
    list[str] | None,
    Option("--set", metavar="KEY=VALUE", help="Override a key: train.learning_rate=2e-4."),
]
_HARDWARE = "The machine to judge for: here, none, or 4xA100-80G."
HardwareOption = Annotated[str, Option("--hardware", metavar="MACHINE", help=_HARDWARE)]
_SCAN = "Rows to judge: a few of each file, all, or none."
ScanOption = Annotated[Scan, Option("--data", help=_SCAN)]
IgnoreOption = Annotated[
    list[str] | None,
    Option("--ignore", metavar="RULE", help="Suppress a rule (warnings and notes only)."),
]
StrictOption = Annotated[bool, Option("--strict", help="Warnings fail too.")]
NodeRankOption = Annotated[
    int, Option("--node-rank", min=0, help="Which of launch.nnodes this is, from 0.")
]

# Weights
_TARGET = "A run's id or folder, or weights."
TargetArgument = Annotated[str, Argument(metavar="RUN|CHECKPOINT|MODEL", help=_TARGET)]
BaseOption = Annotated[
    str | None, Option("--base", metavar="DIR", help="The model under the adapter, if it moved.")
]
TrustOption = Annotated[
    bool,
    Option(
        "--trust-remote-code", help="Run the Python code of a folder that no run of yours made."
    ),
]
TokensOption = Annotated[
    int, Option("--max-new-tokens", min=1, help="Length of an answer, at most.")
]
BatchOption = Annotated[int, Option("--batch-size", min=1, help="Rows at once.")]
PythonOption = Annotated[
    str | None, Option("--python", help="Interpreter that infers; else export.python's.")
]


def print_result(output_format: Format, value: object, lines: Iterable[str]) -> None:
    """A result on stdout, in the format that was asked for.

    Args:
        output_format: From `--format`.
        value: The documented object.
        lines: The same for people; they are made only if they are printed.
    """
    if output_format == "json":
        console.write_json(value)
    else:
        for line in lines:
            console.write(line)


def require_config(config: Path | None, overrides: list[str] | None) -> None:
    """Stops at `--set` without the config that it changes.

    Raises:
        UsageError: If there is none.
    """
    if overrides and config is None:
        raise UsageError("--set belongs to --config", "name the config with --config")


def require_files(files: Iterable[Path]) -> None:
    """Stops at a name that is no data file.

    Raises:
        UsageError: For the first of them.
    """
    for file in files:
        if not file.is_file():
            what = "a folder" if file.is_dir() else "no file"
            hint = "name JSON lines, JSON array, CSV or Parquet files"
            raise UsageError(f"{file} is {what}", hint)


def parse_pixels(flag: str, text: str) -> int:
    """A number of pixels, or a product.

    Raises:
        UsageError: If it is none.
    """
    from vlft.config.schema import parse_product

    number = parse_product(text)
    if not number:
        raise UsageError(f"{flag} is `{text}`", "write a number of pixels: 1024*28*28")
    return number


def ignored_rules(values: list[str] | None) -> frozenset[str]:
    """The ids that `--ignore` names.

    Raises:
        UsageError: If one does not exist, or is an error: those stop every run.
    """
    if not values:
        return frozenset()
    from vlft.rule_catalog import find_entry

    for entry in map(find_entry, values):
        if entry.severity == "error":
            hint = f"one place at a time: `# vlft: ignore[{entry.id}]` at the end of its line"
            raise UsageError(f"--ignore serves warnings and infos; {entry.id} is an error", hint)
    return frozenset(values)
