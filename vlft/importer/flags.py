"""Flags with their values: the words after a subcommand, or a config file of ms-swift.

Config files are read as swift/cli/main.py of 4.x does: a list becomes several values, a mapping
JSON, and the mapping `ENV` variables.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field
from msgspec.structs import replace

from vlft.config.document import read
from vlft.importer.shell.state import Field, Text
from vlft.importer.spans import Spot, finding, shown
from vlft.security.secrets import is_masked, is_secret_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.config.entry import Entry
    from vlft.findings import Finding
    from vlft.importer.launchers import Launch


NO_VALUE: Final = "no value stands behind it"
"""Why the value of a flag is unknown that has none."""

_FLAG: Final = re.compile(r"--[A-Za-z_][\w.-]*(?:=.*)?", re.DOTALL)


class Flag(Struct, frozen=True):
    """One flag as it was given.

    Attributes:
        name: As written, without dashes.
        values: In order; empty for a switch.
        spot: Where it stands.
        old: What it was called in the input, where that differs.
        comment: What its line in the config says.
    """

    name: str
    values: tuple[Text, ...]
    spot: Spot
    old: str | None = None
    comment: str | None = None

    @property
    def value(self) -> str:
        """The single value as text; a switch is true."""
        return self.values[0].text if self.values else "true"

    @property
    def is_secret(self) -> bool:
        """Whether its name says so, or a value was masked."""
        masked = any(is_masked(value.text) for value in self.values)
        return masked or is_secret_name(self.name.replace("-", "_"))

    @property
    def why(self) -> str | None:
        """Why a value is unknown; None if all are known."""
        return next((value.why for value in self.values if value.why is not None), None)

    def written(self) -> str:
        """As it stood on the command line."""
        words = [f"--{self.old or self.name}", *(value.text for value in self.values)]
        return " ".join(" ".join(words).split())


class Flags(Struct):
    """The flags of a command.

    Attributes:
        flags: In order; of a flag that is given twice, both.
        stray: Words that belong to no flag.
    """

    flags: list[Flag] = field(default_factory=list)
    stray: list[tuple[Text, Spot]] = field(default_factory=list)


def read_flags(words: Sequence[tuple[Text, Spot, bool]]) -> Flags:
    """Splits words into flags, as argparse does.

    Args:
        words: Each with its place, and whether it is quoted.
    """
    made = Flags()
    name: str | None = None
    values: list[Text] = []
    spot: Spot | None = None

    def end() -> None:
        if name is not None and spot is not None:
            made.flags.append(Flag(name, tuple(values), spot))

    for word, place, quoted in words:
        if _FLAG.fullmatch(word.text):
            end()
            head, equals, rest = word.text[2:].partition("=")
            name, spot = head, place
            values = [type(word)(rest, word.why, word.notes)] if equals else []
        elif name is None or (word.why is not None and values and not quoted):
            # An unknown that is not quoted may be further flags, or nothing.
            made.stray.append((word, place))
        else:
            values.append(word)
    end()
    return made


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
