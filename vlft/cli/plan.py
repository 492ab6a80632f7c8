"""`vlft plan`: what a run will be, and what to change if it does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Argument, Option

from vlft.cli.options import (
    FormatOption,
    HardwareOption,
    IgnoreOption,
    SetOption,
    ignored_rules,
    print_result,
)
from vlft.errors import InvalidError, UsageError
from vlft.output import console

if TYPE_CHECKING:
    from vlft.estimate.autotune import Choice
    from vlft.estimate.report import RowLengths
    from vlft.resolve.run import RunSpec


def plan(
    config: Annotated[Path | None, Argument(metavar="[CONFIG]", help="A YAML config file.")] = None,
    overrides: SetOption = None,
    hardware: HardwareOption = "none",
    ignore: IgnoreOption = None,
    data: Annotated[
        Literal["auto", "none", "full"],
        Option(help="Read the rows for their lengths; auto: files up to 16 MiB."),
    ] = "auto",
    fit: Annotated[
        bool, Option("--fit", help="Look for settings that fit, the fastest first.")
    ] = False,
    write: Annotated[
        Path | None, Option(metavar="FILE", help="With --fit: a config with the first.")
    ] = None,
    points: Annotated[
        Path | None, Option("--from", metavar="FILE.jsonl", help="Estimate memory of given steps.")
    ] = None,
    output_format: FormatOption = "text",
) -> None:
    """Say what a run will take: batch, steps, tokens, memory, disk, and time where known."""
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
    if isinstance(ready, Rejected):
        raise InvalidError(ready.findings, ready.documents)
    print_findings(ready.findings, ready.documents)
    from vlft.estimate import look_ahead
    from vlft.estimate.page import to_json, to_text

    outlook = look_ahead(ready, _lengths(ready.run, data))
    choices: list[Choice] = []
    if fit:
        from vlft.estimate.autotune import fitting

        interpreter = ready.facts.interpreter
        has_deepspeed = interpreter is None or "deepspeed" in interpreter.packages
        choices = fitting(outlook, has_deepspeed=has_deepspeed)
        if write is not None and choices:
            _write(write, config, choices[0])
    described, texts = to_json(outlook), [to_text(outlook)]
    if fit:
        described["fitting"] = [_choice_json(choice) for choice in choices]
        texts.append(_fit_text(choices))
    print_result(output_format, described, texts)
    failed = has_errors(ready.findings) or (fit and not choices)
    raise typer.Exit(1 if failed else 0)


def _lengths(run: RunSpec, scan: str) -> RowLengths | None:
    from vlft.estimate.report import MAX_SCANNED_BYTES, measure_rows, scannable_bytes
    from vlft.output.console import progress

    size = scannable_bytes(run)
    if scan == "none" or run.family is None or not size:
        return None
    if scan == "auto" and size > MAX_SCANNED_BYTES:
        return None
    with progress(size, "measuring rows") as advance:
        return measure_rows(run, advance)


def _points(file: Path) -> list[dict[str, int]]:
    """`--from`: the memory of given steps.

    Raises:
        UsageError: If the file is no JSON lines.
    """
    import json

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
    sections: dict[str, list[str]] = {}
    for key, value in choice.settings.items():
        section, _, name = key.partition(".")
        if name:
            sections.setdefault(section, [f"{section}:"]).append(f"  {name}: {value}")
        else:
            sections[section] = [f"{section}: {value}"]
    extends = f"extends: {json.dumps(base, ensure_ascii=False)}"
    write_text(file, "\n".join([extends, *map("\n".join, sections.values())]) + "\n")


def _choice_json(choice: Choice) -> dict[str, object]:
    return {
        "set": [f"{key}={value}" for key, value in choice.settings.items()],
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
        lines += [f"                 --set {k}={v}" for k, v in choice.settings.items()]
    return "\n".join(lines)
