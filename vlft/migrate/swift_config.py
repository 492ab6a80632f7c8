"""Config files of ms-swift itself: `swift sft config.yaml`, keys are flags.

As in swift/cli/main.py of 4.x: a list becomes several values, a mapping JSON, and the mapping
`ENV` variables.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from vlft.config.compose import ListNode, MapNode, ScalarNode, compose
from vlft.config.scalars import read_plain
from vlft.migrate.flags import Flag
from vlft.migrate.places import Spot
from vlft.migrate.shell.texts import Text

if TYPE_CHECKING:
    from vlft.config.compose import Node

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
    root, findings = compose(text, name)
    if findings:
        raise ConfigFileError(findings[0].message, findings[0].line or 1)
    if not isinstance(root, MapNode):
        raise ConfigFileError("it is no mapping of argument names")
    lines = {key.text: key.line for key, _ in root.pairs() if isinstance(key, ScalarNode)}
    data = _plain(root, written=True)
    return (data if isinstance(data, dict) else {}), lines


def _plain(node: Node, *, written: bool) -> Any:
    """Data of a node; at the top its scalars as text, in JSON as what they mean."""
    if isinstance(node, ScalarNode):
        value = read_plain(node.text)[0] if node.plain else node.text
        return node.text if written and value is not None else value
    if isinstance(node, ListNode):
        return [_plain(item, written=written) for item in node.items]
    return {
        key.text: _plain(value, written=written and isinstance(value, (ScalarNode, ListNode)))
        for key, value in node.pairs()
        if isinstance(key, ScalarNode)
    }
