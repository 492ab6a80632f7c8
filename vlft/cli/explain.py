"""`vlft explain`: what a rule is about, and where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Optional

import typer

from vlft.cli.options import Format, FormatOption
from vlft.output import console

if TYPE_CHECKING:
    from vlft.rule_catalog import Entry


def explain(
    rule: Annotated[
        Optional[str],  # noqa: UP045 - typer on Python 3.10 reads it at run time
        typer.Argument(metavar="[RULE]", help="Id in brackets after a finding."),
    ] = None,
    list_all: Annotated[bool, typer.Option("--list", help="All rules, a line each.")] = False,
    output_format: FormatOption = Format.TEXT,
) -> None:
    """Say what a rule is about, what happens without it, and where it comes from."""
    from dataclasses import asdict

    from vlft.errors import UsageError
    from vlft.rule_catalog import catalogue, find_entry

    if (rule is None) is not list_all:
        raise UsageError("explain takes a rule or --list", "`vlft explain --list` names all rules")
    if rule is None:
        entries = list(catalogue().values())
        if output_format is Format.JSON:
            console.write_json(list(map(asdict, entries)))
            return
        width = max(len(entry.id) for entry in entries)
        for entry in entries:
            console.write(f"{entry.id:<{width}}  {entry.severity:<7}  {entry.sentence}")
        return
    entry = find_entry(rule)
    if output_format is Format.JSON:
        console.write_json(asdict(entry))
    else:
        console.write("\n".join(_lines(entry)))


def _lines(entry: Entry) -> list[str]:
    lines = [f"{entry.id}: {entry.severity}", f"    {entry.sentence}"]
    lines.append(f"without it: {entry.effect}")
    if entry.says is not None:
        lines.append(f"ms-swift says: {entry.says}")
    lines.append(f"source: {entry.source}")
    if entry.ignorable:
        lines.append(f"to ignore it: `# vlft: ignore[{entry.id}]` at the end of its line")
    return lines
