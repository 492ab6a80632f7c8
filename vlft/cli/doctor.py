"""`vlft doctor`: the environment, to be read or pasted into an issue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from vlft.cli.options import FormatOption, print_result
from vlft.errors import VlftError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.doctor import Report


def to_text(report: Report) -> str:
    """The report for an issue or a terminal."""
    lines = [f"{name:<15}{version}" for name, version in report.versions.items()]
    lines.append(f"{'trainer':<15}{report.python or 'no interpreter with ms-swift was found'}")
    lines += [f"  {name:<15}{version}" for name, version in report.packages.items()]
    gpus = [f"{name} ({size / 1024**3:.0f} GiB)" for name, size in report.gpus]
    lines.append(f"{'GPUs':<15}{', '.join(gpus) or 'none'}")
    lines += _table("attention", report.attention) + _table("quantise", report.quantization)
    if report.exporter is not None:
        lines.append(f"{'exporter':<15}{report.exporter.python}")
        lines += [f"  {name:<15}{version}" for name, version in report.exporter.packages.items()]
        lines += _table("quantise there", report.exporter.quantization)
    lines += [
        f"{title}: not met: {', '.join(lacking)}"
        for title, lacking in report.families.items()
        if lacking
    ]
    lines += [f"! {problem}" for problem in report.problems]
    lines += [f"{name}={value}" for name, value in report.environment.items()]
    return "\n".join(lines)


def _table(title: str, table: Mapping[str, str | None]) -> list[str]:
    """What works on one line; what does not, by its reason."""
    works = [name for name, why in table.items() if why is None]
    reasons: dict[str, list[str]] = {}
    for name, why in table.items():
        if why is not None:
            reasons.setdefault(why, []).append(name)
    lines = [f"  not {', '.join(names)}: {why}" for why, names in reasons.items()]
    return [f"{title:<15}{', '.join(works) or 'nothing'}", *lines]


def doctor(
    config: Annotated[
        Path | None,
        Argument(help="Look at its launch.python and export.python.", show_default=False),
    ] = None,
    python: Annotated[
        str | None, Option(help="An interpreter to look at; found by itself if absent.")
    ] = None,
    output_format: FormatOption = "text",
) -> None:
    """Report versions, GPUs, and what works with them; exit code 1 if something is missing."""
    from vlft.doctor import examine

    trainer, exporter = (None, None) if config is None else _interpreters(config)
    report = examine(python or trainer, exporter)
    print_result(output_format, report.to_json(), [to_text(report)])
    raise typer.Exit(1 if report.problems else 0)


def _interpreters(file: Path) -> tuple[str | None, str | None]:
    """`launch.python` and `export.python` of a config; names on PATH stay names."""
    import os

    from vlft.config.reader import read_config

    loaded, _, findings = read_config(file)
    if loaded is None:
        said = findings[0].message if findings else "it is no config"
        raise VlftError(f"{file} can't be read: {said}", f"vlft validate {file}")
    config, source = loaded.config, loaded.source
    found = [
        str(source.absolute(python, path)) if python is not None and os.sep in python else python
        for python, path in (
            (config.launch.python, ("launch", "python")),
            (config.export.python, ("export", "python")),
        )
    ]
    return found[0], found[1]
