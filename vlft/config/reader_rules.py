"""What the reader of a config may say: every id with the sentence that must hold."""

from __future__ import annotations

from typing import Final

READER_RULES: Final[dict[str, str]] = {
    "config.alias": "An alias (`*name`) refers to an anchor set above it, outside of itself.",
    "config.ambiguous-scalar": "A plain value means the same to every reader of YAML.",
    "config.control-character": "The text holds no control characters.",
    "config.documents": "A file holds one YAML document.",
    "config.duplicate-key": "A key is set once in a map.",
    "config.empty": "A config is not empty.",
    "config.encoding": "A config is in UTF-8.",
    "config.extends": "`extends` names config files that exist, without a circle.",
    "config.key-type": "A key is text.",
    "config.merge": "A merge key (`<<`) takes a map, or a list of maps.",
    "config.missing": "The config file exists.",
    "config.missing-key": "The keys without a default are there.",
    "config.not-a-file": "A config is a regular file.",
    "config.number": "A number can be read as one, and is finite.",
    "config.override": "`--set` has the form key=value, and its key can be set.",
    "config.root": "A config is a map of sections.",
    "config.syntax": "A config is YAML.",
    "config.tag": "A config holds no tags but those of YAML's own types.",
    "config.too-deep": "Maps and lists do not stand deeper in each other than the limit.",
    "config.too-large": "A config is not larger than the limit.",
    "config.too-many-mistakes": "A file has fewer mistakes than are worth listing.",
    "config.too-many-nodes": "A config holds fewer keys and values than the limit.",
    "config.type": "A value has the type, the bounds and the choices of its key.",
    "config.unknown-key": "A key exists in its section.",
    "config.unreadable": "The config file can be read.",
    "config.unused-ignore": "A comment `# vlft: ignore[rule]` names what is found on its line.",
}
"""Id → sentence. All are errors but `config.unused-ignore`, a warning."""
