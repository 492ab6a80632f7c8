"""A config file as plain data that knows where each of its parts was written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from vlft.config.compose import ListNode, MapNode, Node, ScalarNode, compose
from vlft.config.construct import Builder
from vlft.config.entry import MAX_BYTES, MAX_TAG_DIRECTIVES, Data, KeyPath, Place, dotted, shown
from vlft.findings import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.entry import Entry

# What YAML does not let a file hold: https://yaml.org/spec/1.2.2/#51-character-set
# Compiling the set of what it does let takes 10 ms.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]"
)


@dataclass(frozen=True)
class Source:
    """A config, and where each part of it came from.

    Attributes:
        file: The config file as the user named it.
        root: The map of sections.
        documents: Name to whole text of every file read, the root first, then what it
            extends in the order read.
    """

    file: str
    root: Entry
    documents: Mapping[str, str]

    @cached_property
    def data(self) -> dict[str, Data]:
        """The config as plain data."""
        return cast("dict[str, Data]", self.root.data)

    def entry(self, path: KeyPath) -> Entry | None:
        """What is at the path; None if nothing is."""
        found = self.root.lineage(path)
        return found[-1] if found and len(found) == len(path) else None

    def place(self, path: KeyPath) -> Place:
        """Where the value was written; else its nearest ancestor, the file's start."""
        found = self.root.lineage(path)
        return found[-1].place if found else Place(self.file, 1, 1)

    def key_place(self, path: KeyPath) -> Place:
        """Where the key was written; for what has no key, as `place`."""
        entry = self.entry(path)
        return (entry.key_place if entry is not None else None) or self.place(path)

    def text(self, path: KeyPath) -> str | None:
        """The scalar as written; None for a map, a list and what is not there."""
        entry = self.entry(path)
        return None if entry is None else entry.text

    def base_dir(self, path: KeyPath) -> Path:
        """The folder that a relative path at this key is relative to.

        That of the file it was written in; for --set the working directory.
        """
        file = self.place(path).file
        return Path.cwd() if file is None else Path(file).absolute().parent

    def finding(
        self,
        rule: str,
        severity: Severity,
        path: KeyPath,
        message: str,
        hint: str | None = None,
        *,
        at_key: bool = False,
    ) -> Finding:
        """A finding at the value, or at the key, of this path."""
        place = self.key_place(path) if at_key else self.place(path)
        name = dotted(path) if place.file is not None else f"--set {dotted(path)}"
        return Finding(rule, severity, message, name, *place, hint)


def parse(text: str, file: str) -> tuple[Source | None, list[Finding]]:
    """Reads the text of one file; `extends` stays a key like any other.

    Args:
        text: The whole file.
        file: Its name, for places.

    Returns:
        The source, None if the text is no map of sections, and all mistakes by place. With a
        mistake in a value, the data holds what was most likely meant.
    """
    text = text.removeprefix("\ufeff")
    findings = check_text(text, file)
    if findings:
        return None, findings
    root, findings = compose(text, file)
    if root is None or (isinstance(root, ScalarNode) and root.plain and not root.text):
        return None, findings or [_empty(file)]
    if not isinstance(root, MapNode):
        return None, [*findings, _no_map(root, file)]
    builder = Builder(file)
    entry = builder.value(root, ())
    findings = sorted([*findings, *builder.findings], key=lambda f: (f.line or 0, f.column or 0))
    return Source(file, entry, {file: text}), findings


def check_text(text: str, file: str | None) -> list[Finding]:
    """What makes a text unfit for the parser: its size, characters, directives."""
    if len(text) > MAX_BYTES:
        message = f"the file is larger than {MAX_BYTES >> 20} MiB, the limit for a config"
        return [Finding("config.too-large", "error", message, file=file)]
    if text.count("%TAG") > MAX_TAG_DIRECTIVES:
        message = f"the file holds more than {MAX_TAG_DIRECTIVES} times %TAG"
        hint = "remove them: a config needs no tags"
        return [Finding("config.tag", "error", message, file=file, line=1, column=1, hint=hint)]
    wrong = _FORBIDDEN.search(text)
    if wrong is None:
        return []
    line, start = text.count("\n", 0, wrong.start()) + 1, text.rfind("\n", 0, wrong.start()) + 1
    message = f"the character U+{ord(wrong[0]):04X} is not allowed in YAML"
    hint = 'remove it; in "double quotes" an escape such as \\x07 can stand for it'
    if wrong[0] == "\0":
        hint = "this may be no text file, or one in UTF-16: save it as UTF-8"
    column = wrong.start() - start + 1
    return [
        Finding("config.control-character", "error", message, "", file, line, column, hint),
    ]


def _empty(file: str) -> Finding:
    message = "the file is empty, or holds only comments"
    hint = "write `model: {path: FOLDER}` and, on the next line, `data: {train: [train.jsonl]}`"
    return Finding("config.empty", "error", message, file=file, line=1, column=1, hint=hint)


def _no_map(root: Node, file: str) -> Finding:
    if isinstance(root, ListNode):
        message = "the file is a list; a config is a map of sections"
        hint = "write `model:`, `data:`, `train:` … without `- ` before them"
    else:
        message = f"the file is a text, {shown(getattr(root, 'text', ''))}, not a map of sections"
        hint = "write `key: value`, with a space after the colon"
    return Finding("config.root", "error", message, "", file, root.line, root.column, hint)
