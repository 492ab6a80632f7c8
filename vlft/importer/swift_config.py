"""Config files of ms-swift itself: `swift sft config.yaml`, keys are flags.

As in swift/cli/main.py of 4.x: a list becomes several values, a mapping JSON, and the mapping
`ENV` variables.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vlft.config.document import read
from vlft.importer.flags import Flag
from vlft.importer.shell.state import Text
from vlft.importer.spans import Spot, finding, shown

if TYPE_CHECKING:
    from vlft.config.entry import Entry
    from vlft.findings import Finding
    from vlft.importer.launchers import Launch
    from vlft.importer.shell.state import Field

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


_KEYS = re.compile(
    r"^\s*[\"']?(model|model_id_or_path|dataset|train_type|tuner_type)[\"']?\s*:", re.MULTILINE
)


class ConfigFileError(Exception):
    """The file is no config of ms-swift.

    Args:
        message: Why.
        line: Where, from 1.
    """

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


def is_config(name: str, text: str) -> bool:
    """Whether an input is a config file and not a script."""
    if name.endswith((".yaml", ".yml", ".json")):
        return True
    if name.endswith((".sh", ".bash")) or text.startswith("#!"):
        return False
    return text.lstrip()[:1] == "{" and bool(_KEYS.search(text))


def flags_of_config(text: str, name: str) -> tuple[list[Flag], dict[str, Text]]:
    """The flags and the environment that a config file gives.

    Raises:
        ConfigFileError: If it is none.
    """
    data, lines = _read(text, name)
    flags: list[Flag] = []
    env: dict[str, Text] = {}
    for key, value in data.items():
        spot = Spot(name, lines.get(key, 1), 1)
        if key == "ENV" and isinstance(value, dict):
            env = {str(one): Text(_text(item)) for one, item in value.items()}
        elif value is None:
            continue
        elif isinstance(value, list):
            flags.append(Flag(key, tuple(Text(_text(item)) for item in value), spot))
        else:
            flags.append(Flag(key, (Text(_text(value)),), spot))
    return flags, env


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list)) else str(value)


def _read(text: str, name: str) -> tuple[dict[str, Any], dict[str, int]]:
    """The mapping, its scalars as they are written, and the line of each key."""
    root, findings, mistakes, *_ = read(text, name)
    findings += [one for one in mistakes if one.rule == "config.duplicate-key"]
    if findings:
        raise ConfigFileError(findings[0].message, findings[0].line or 1)
    if root is None or not isinstance(root.value, dict):
        raise ConfigFileError("it is no mapping of argument names")
    lines = {key: (entry.key_place or entry.place).line or 1 for key, entry in root.value.items()}
    return {key: _plain(entry) for key, entry in root.value.items()}, lines


def _plain(entry: Entry) -> Any:
    """Data of an argument: its scalars as text, in JSON as what they mean."""
    if isinstance(entry.value, list):
        return [_plain(item) for item in entry.value]
    return entry.data if entry.text is None or entry.value is None else entry.text
