"""`vlft plan`: what a run will be, and what to change if it does not fit."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from vlft.cli.options import (
    Format,
    FormatOption,
    HardwareOption,
    IgnoreOption,
    SetOption,
    ignored_rules,
)
from vlft.output import console

if TYPE_CHECKING:
    from vlft.estimate.autotune import Choice
    from vlft.estimate.row_lengths import RowLengths
    from vlft.resolve.run import RunSpec


class Scan(str, Enum):
    """How much of the training data is read."""

    AUTO = "auto"
    NONE = "none"
    FULL = "full"


def plan(
    config: Annotated[
        Optional[Path],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Argument(metavar="[CONFIG]", help="A YAML config file."),
    ] = None,
    overrides: SetOption = None,
    hardware: HardwareOption = "none",
    ignore: IgnoreOption = None,
    data: Annotated[
        Scan,
        typer.Option("--data", help="Read the rows for their lengths; auto: files up to 16 MiB."),
    ] = Scan.AUTO,
    fit: Annotated[
        bool, typer.Option("--fit", help="Look for settings that fit, the fastest first.")
    ] = False,
    write: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--write", metavar="FILE", help="With --fit: a config with the first."),
    ] = None,
    points: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option("--from", metavar="FILE.jsonl", help="Estimate memory of given steps."),
    ] = None,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Say what a run will take: batch, steps, tokens, memory, disk, and time where known."""
    from vlft.errors import InvalidError, UsageError
    from vlft.findings import has_errors
    from vlft.output.findings import print_findings
    from vlft.pipeline import Rejected, look_at_hardware, prepare

    if points is not None:
        console.write_json(_points(points))
        return
    if config is None:
        raise UsageError("no config is named", "vlft plan CONFIG")
    ready = prepare(
        config, overrides or (), look_at_hardware(hardware), ignore=ignored_rules(ignore)
    )
    print_findings(ready.findings, ready.documents)
    if isinstance(ready, Rejected):
        raise InvalidError(ready.findings)
    from vlft.estimate import look_ahead
    from vlft.estimate.page import to_text

    outlook = look_ahead(ready, _lengths(ready.run, data))
    choices: list[Choice] = []
    if fit:
        from vlft.estimate.autotune import fitting

        interpreter = ready.facts.interpreter
        has_deepspeed = interpreter is None or "deepspeed" in interpreter.packages
        choices = fitting(outlook, has_deepspeed=has_deepspeed)
        if write is not None and choices:
            _write(write, config, choices[0])
    if output_format is Format.JSON:
        described = outlook.to_json()
        if fit:
            described["fitting"] = [_choice_json(choice) for choice in choices]
        console.write_json(described)
    else:
        console.write(to_text(outlook))
        if fit:
            console.write(_fit_text(choices))
    failed = has_errors(ready.findings) or (fit and not choices)
    raise typer.Exit(1 if failed else 0)


def _lengths(run: RunSpec, scan: Scan) -> RowLengths | None:
    from vlft.estimate.row_lengths import MAX_SCANNED_BYTES, measure_rows, scannable_bytes
    from vlft.output.progress import progress

    size = scannable_bytes(run)
    if scan is Scan.NONE or run.family is None or not size:
        return None
    if scan is Scan.AUTO and size > MAX_SCANNED_BYTES:
        return None
    with progress(size, "measuring rows") as advance:
        return measure_rows(run, advance)


def _points(file: Path) -> list[dict[str, int]]:
    """`--from`: the memory of given steps.

    Raises:
        UsageError: If the file is no JSON lines.
    """
    import json

    from vlft.errors import UsageError
    from vlft.estimate.memory.points import estimate_points

    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise UsageError(f"{file}:{number}: no JSON: {error}") from None
    return estimate_points(rows)


def _write(file: Path, config: Path, choice: Choice) -> None:
    """A config that extends the given one with the choice."""
    import json
    import os

    from vlft.files import write_text

    base = os.path.relpath(config.absolute(), file.absolute().parent)
    sections: dict[str, Any] = {}
    for setting in choice.settings:
        key, _, value = setting.partition("=")
        section, _, name = key.partition(".")
        if name:
            sections.setdefault(section, []).append(f"  {name}: {value}")
        else:
            sections[section] = value
    lines = [f"extends: {json.dumps(base, ensure_ascii=False)}"]
    for section, content in sections.items():
        lines += (
            [f"{section}:", *content] if isinstance(content, list) else [f"{section}: {content}"]
        )
    write_text(file, "\n".join(lines) + "\n")


def _choice_json(choice: Choice) -> dict[str, Any]:
    return {
        "set": list(choice.settings),
        "allocated_peak": choice.memory.allocated_peak,
        "reserved_low": choice.memory.reserved_low,
        "reserved_high": choice.memory.reserved_high,
        "relative_speed": round(choice.speed, 3),
    }


def _fit_text(choices: list[Choice]) -> str:
    from vlft.estimate.page import gib

    if not choices:
        return "fit      nothing fits: take a smaller model, QLoRA (quant.bits: 4), or more GPUs"
    lines = ["fit      the fastest first, speed against the fastest thinkable"]
    for choice in choices:
        reserved = f"{gib(choice.memory.reserved_low)} to {gib(choice.memory.reserved_high)}"
        lines.append(f"           {choice.speed:4.0%}  {reserved}")
        lines += [f"                 --set {setting}" for setting in choice.settings]
    return "\n".join(lines)
