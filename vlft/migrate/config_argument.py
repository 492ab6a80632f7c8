"""`swift sft train.yaml` of 4.x, `swift sft --config train.yaml` of 3.x: flags in a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vlft.migrate.places import Spot, finding, shown
from vlft.migrate.swift_config import ConfigFileError, flags_of_config

if TYPE_CHECKING:
    from vlft.findings import Finding
    from vlft.migrate.flags import Flag
    from vlft.migrate.launchers import Launch
    from vlft.migrate.shell.texts import Field, Text

MAX_BYTES: Final = 8 << 20
"""Size of a script, or of such a file."""

_SUFFIXES: Final = (".yaml", ".yml", ".json")


def config_argument(
    launch: Launch, spot: Spot, findings: list[Finding]
) -> tuple[tuple[Flag, ...], Launch]:
    """The flags of the file that a command names, which come before its own.

    Args:
        launch: The command.
        spot: Where it begins.
        findings: Takes one if the file can't be read.

    Returns:
        None and the command as it is, if it names no file.
    """
    file, fields = _named(launch.fields)
    if file is None:
        return (), launch
    rest = replace(launch, fields=fields, options=dict(launch.options))
    try:
        flags, env = flags_of_config(_content(file), file.text)
    except (OSError, UnicodeDecodeError, ConfigFileError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"{shown(file.text)} holds the command's arguments, and can't be read: {reason}"
        hint = "import where the file can be found, or import the file itself"
        findings.append(finding("import.asked", "error", spot, message, hint))
        return (), rest
    for name, value in env.items():
        rest.options.setdefault(f"env {name}", value)
    return tuple(flags), rest


def _content(file: Text) -> str:
    if file.why is not None:
        raise ConfigFileError(file.why)
    with Path(file.text).open("rb") as opened:
        return opened.read(MAX_BYTES).decode("utf-8")


def _named(fields: tuple[Field, ...]) -> tuple[Text | None, tuple[Field, ...]]:
    """The file that a command names, and its other words."""
    first = fields[0].value if fields else None
    if first is not None and not first.text.startswith("-") and first.text.endswith(_SUFFIXES):
        return first, fields[1:]
    for index, one in enumerate(fields):
        if one.value.text == "--config" and index + 1 < len(fields):
            return fields[index + 1].value, (*fields[:index], *fields[index + 2 :])
    return None, fields
