"""`vlft explain` and `vlft schema`: what a rule is about, and what a config may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from vlft.cli.options import FormatOption, print_result
from vlft.errors import UsageError
from vlft.output import console

if TYPE_CHECKING:
    from vlft.rule_catalog import Entry


def explain(
    rule: Annotated[
        str | None, Argument(metavar="[RULE]", help="Id in brackets after a finding.")
    ] = None,
    list_all: Annotated[bool, Option("--list", help="All rules, a line each.")] = False,
    output_format: FormatOption = "text",
) -> None:
    """Say what a rule is about, what happens without it, and where it comes from."""
    from msgspec import to_builtins

    from vlft.rule_catalog import catalogue, find_entry

    if (rule is None) is not list_all:
        raise UsageError("explain takes a rule or --list", "`vlft explain --list` names all rules")
    if rule is None:
        entries = catalogue().values()
        width = max(len(entry.id) for entry in entries)
        lines = (f"{one.id:<{width}}  {one.severity:<7}  {one.sentence}" for one in entries)
        print_result(output_format, list(map(to_builtins, entries)), lines)
    else:
        entry = find_entry(rule)
        print_result(output_format, to_builtins(entry), _lines(entry))


def _lines(entry: Entry) -> list[str]:
    lines = [f"{entry.id}: {entry.severity}", f"    {entry.sentence}"]
    lines.append(f"without it: {entry.effect}")
    if entry.says is not None:
        lines.append(f"ms-swift says: {entry.says}")
    lines.append(f"source: {entry.source}")
    if entry.ignorable:
        lines.append(f"to ignore it: `# vlft: ignore[{entry.id}]` at the end of its line")
    return lines


def schema(
    task: Annotated[
        Literal["sft", "pt", "rlhf"], Option(help="Whose arguments `swift:` takes.")
    ] = "sft",
) -> None:
    """Print the JSON Schema of a config, for editors; `swift:` as it is installed here."""
    from vlft.json_schema import config_schema
    from vlft.swift.interpreter import find_interpreter
    from vlft.swift.probe import read_swift

    swift = read_swift(find_interpreter(None))
    console.write_json(config_schema(swift.arguments[task], swift.version))
