"""`vlft import`: a command or a script of ms-swift becomes configs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from vlft.cli.options import FormatOption
from vlft.errors import UsageError, VlftError
from vlft.output import console

if TYPE_CHECKING:
    from vlft.importer.importing import Config, Import
    from vlft.swift.release import SwiftFacts

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command("import", context_settings={"ignore_unknown_options": True})
def import_(
    words: Annotated[
        list[str],
        Argument(
            metavar="SCRIPT|COMMAND...",
            help=(
                "A shell script as it is started, a config file of ms-swift, - for standard "
                "input, or a command."
            ),
        ),
    ],
    output: Annotated[
        Path | None, Option(metavar="DIR", help="A file for each command, in this folder.")
    ] = None,
    modern: Annotated[
        bool, Option("--modern", help="Today's defaults, not those of the old release.")
    ] = False,
    output_format: FormatOption = "text",
) -> None:
    """Turn swift commands of any version into configs, running nothing."""
    from msgspec import to_builtins

    from vlft.findings import has_errors
    from vlft.swift.interpreter import find_interpreter
    from vlft.swift.probe import read_swift

    swift = read_swift(find_interpreter(None))
    made, document = _import(words, swift, modern=modern)
    files = _write(made.configs, output) if output is not None else [c.name for c in made.configs]
    if output_format == "json":
        rows = [
            {"file": file, "text": config.text}
            for file, config in zip(files, made.configs, strict=True)
        ]
        console.write_json({"configs": rows, "findings": list(map(to_builtins, made.findings))})
    else:
        _print(made, files, document, on_stdout=output is None)
    raise typer.Exit(1 if has_errors(made.findings) else 0)


def _import(words: list[str], swift: SwiftFacts, *, modern: bool) -> tuple[Import, dict[str, str]]:
    """What the words name, imported, and the text that findings point into."""
    import os
    import sys

    from vlft.importer.flags import MAX_BYTES
    from vlft.importer.importing import import_text, import_words
    from vlft.importer.launchers import Start, script_of

    script = script_of(words)
    start = script[1] if script is not None else Start()
    if script is not None:
        again = next((word for word in start.words or () if word.endswith(".sh")), None)
        if again is not None and os.path.isfile(again):  # noqa: PTH113
            raise UsageError(f"`{again}` after the script", "one script at a time")
        words = [script[0]]
    first = words[0]
    is_input = first == "-" or os.path.isfile(first)  # noqa: PTH113
    if is_input and len(words) > 1 and not os.access(first, os.X_OK):
        raise UsageError(f"`{words[1]}` after the script", "one script at a time")
    if is_input and len(words) == 1:
        if first == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(first).open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        name = None if first == "-" else first
        made = import_text(data, name, swift, modern=modern, start=start)
        return made, {name or "<stdin>": data.decode("utf-8", "replace")}
    if len(words) == 1 and not any(char.isspace() for char in first):
        raise UsageError(f"there is no file `{first[:200]}`", "name a script, or a whole command")
    return import_words(words, swift, modern=modern), {}


def _write(configs: tuple[Config, ...], folder: Path) -> list[str]:
    """Writes the configs; none that is there already is overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / config.name for config in configs]
    for path in paths:
        if path.exists():
            raise VlftError(f"`{path}` is there already", "remove it, or name another --output")
    for path, config in zip(paths, configs, strict=True):
        path.write_text(config.text, encoding="utf-8")
    return [str(path) for path in paths]


def _print(made: Import, files: list[str], document: dict[str, str], *, on_stdout: bool) -> None:
    from vlft.output.findings import print_findings

    print_findings(made.findings, document)
    if not on_stdout:
        for file in files:
            console.write(file)
    elif len(made.configs) > 1:
        names = ", ".join(files)
        raise UsageError(
            f"there are {len(files)} commands, and each is a config of its own: {names}",
            "--output DIR writes a file for each; --format json prints them all",
        )
    elif made.configs:
        console.write_document(made.configs[0].text)
