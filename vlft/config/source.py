"""A config file as plain data that knows where each of its parts was written.

With everything that the file extends, and --set on top.
"""

from __future__ import annotations

import codecs
import os
import stat
from functools import cached_property, lru_cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from msgspec import Struct
from msgspec.structs import replace

from vlft.config.document import read
from vlft.config.entry import Data, Entry, KeyPath, Place, dotted, overlay, printable, shown
from vlft.config.overrides import apply
from vlft.config.syntax import MAX_BYTES, check_text
from vlft.findings import Finding, Severity
from vlft.security.masking import secret_values
from vlft.security.secrets import remember

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


MAX_CHAIN: Final = 16
"""Files of one chain of extends, the root among them."""

MAX_FILES: Final = 64
"""Files that one config reads, and entries of one extends list."""

_KEY = "extends"
_SHORTEST = 6
"""Characters of a secret in a config that is kept out of all that is printed."""


class Source(Struct, frozen=True, dict=True):
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
        return Path.cwd() if file is None else _folder_of(file, os.getcwd())  # noqa: PTH109 - a key

    def absolute(self, text: str | None, path: KeyPath) -> Path | None:
        """What is written at this key as an absolute path; None if nothing is."""
        return absolute(text, self.base_dir(path)) if text else None

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


@lru_cache(maxsize=64)
def _folder_of(file: str, cwd: str) -> Path:
    return Path(cwd, file).parent


def absolute(text: str, base_dir: Path) -> Path:
    """A path as written in a config, made absolute without following links."""
    # os.path leaves `~somebody` as it is where there is no such user.
    return Path(os.path.normpath(os.path.join(base_dir, os.path.expanduser(text))))  # noqa: PTH111, PTH118


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
    root, findings, mistakes, *_ = read(text, file)
    if root is None or (root.value is None and not root.text):
        return None, findings or [_empty(file)]
    if not isinstance(root.value, dict):
        return None, [*findings, _no_map(root)]
    findings = sorted([*findings, *mistakes], key=lambda f: (f.line or 0, f.column or 0))
    return Source(file, root, {file: text}), findings


def _empty(file: str) -> Finding:
    message = "the file is empty, or holds only comments"
    hint = "write `model: {path: FOLDER}` and, on the next line, `data: {train: [train.jsonl]}`"
    return Finding("config.empty", "error", message, file=file, line=1, column=1, hint=hint)


def _no_map(root: Entry) -> Finding:
    if root.text is None:
        message = "the file is a list; a config is a map of sections"
        hint = "write `model:`, `data:`, `train:` … without `- ` before them"
    else:
        message = f"the file is a text, {shown(root.text)}, not a map of sections"
        hint = "write `key: value`, with a space after the colon"
    return Finding("config.root", "error", message, "", *root.place, hint)


def load(file: str | Path, overrides: Sequence[str] = ()) -> tuple[Source | None, list[Finding]]:
    """Reads a config file, follows `extends`, applies --set.

    Args:
        file: Path from the working directory.
        overrides: `key=value`, each as after --set; a later one wins.

    Returns:
        The source without the key `extends`, None where it or a file that it extends can't
        be used; and the mistakes of all files, by file and place, then those of --set.
    """
    chain = _Chain()
    source = chain.read(str(file), ())
    order = {name: i for i, name in enumerate(chain.documents)}
    findings = sorted(
        chain.findings, key=lambda f: (order.get(f.file or "", 0), f.line or 0, f.column or 0)
    )
    root, wrong = apply(None if source is None else source.root, overrides)
    findings += wrong
    if source is None or root is None:
        return None, findings
    source = Source(source.file, root, chain.documents)
    remember(secret_values(source.data), _SHORTEST)
    return source, findings


class _Chain:
    """Reads each file once, however often it is extended."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.documents: dict[str, str] = {}
        self.done: dict[str, Source | None] = {}

    def read(self, name: str, above: tuple[str, ...], at: Finding | None = None) -> Source | None:
        """The file with all that it extends.

        Args:
            name: Path from the working directory.
            above: The files that lead here, the root first.
            at: A finding where the file is named, to be filled; None for the root.
        """
        real = name if "\0" in name else os.path.realpath(name)
        if at is not None and (wrong := self._refusal(name, real, above)):
            self.findings.append(replace(at, message=wrong[0], hint=wrong[1]))
            return None
        if real in self.done:
            return self.done[real]
        self.done[real] = None
        text = _read_text(name)
        if isinstance(text, Finding):
            self.findings.append(_moved(text, at))
            return None
        self.documents[name] = text
        source, findings = parse(text, name)
        self.findings += findings
        if source is not None:
            source = self._extended(source, (*above, name))
        self.done[real] = source
        return source

    def _refusal(self, name: str, real: str, above: tuple[str, ...]) -> tuple[str, str] | None:
        for i, parent in enumerate(above):
            if os.path.realpath(parent) == real:
                circle = " → ".join((*above[i:], name))
                return f"extends goes in a circle: {circle}", "remove one of these extends"
        if len(above) >= MAX_CHAIN:
            message = f"the chain of extends is longer than {MAX_CHAIN} files"
            return message, "put what these files share into fewer of them"
        if len(self.documents) >= MAX_FILES and real not in self.done:
            message = f"the config reads more than {MAX_FILES} files through extends"
            return message, "put what these files share into fewer of them"
        return None

    def _extended(self, source: Source, chain: tuple[str, ...]) -> Source | None:
        """The source over its bases; None if one of them can't be used."""
        named = self._bases(source)
        if named is None:
            return None
        layers: list[Source | None] = []
        for path, written in named:
            at = source.finding("config.extends", "error", path, "")
            layers.append(self.read(_from(source.file, written), chain, at))
        roots = [layer.root for layer in layers if layer is not None]
        if len(roots) < len(layers):
            return None
        return replace(source, root=reduce(overlay, [*roots, source.root.without(_KEY)]))

    def _bases(self, source: Source) -> list[tuple[KeyPath, str]] | None:
        """The files named under `extends`, and where; None, with findings, if it is malformed."""
        given = source.root.child(_KEY)
        if given is None or given.value is None:
            return []
        entries = given.value if isinstance(given.value, list) else [given]
        hint = "write `extends: base.yaml`, or a list: `extends: [base.yaml, more.yaml]`"
        if len(entries) > MAX_FILES:
            message = f"extends names {len(entries)} files; the limit is {MAX_FILES}"
            self.findings.append(source.finding("config.extends", "error", (_KEY,), message, hint))
            return None
        named: list[tuple[KeyPath, str]] = []
        for i, entry in enumerate(entries):
            path: KeyPath = (_KEY,) if entry is given else (_KEY, i)
            if isinstance(entry.value, str) and entry.value.strip():
                named.append((path, entry.value))
                continue
            what = "a map or a list" if entry.text is None else shown(entry.text)
            message = f"extends takes the path of a config file, not {what}"
            self.findings.append(source.finding("config.extends", "error", path, message, hint))
        return named if len(named) == len(entries) else None


def _from(file: str, written: str) -> str:
    """The path from the working directory of what is written in `file`, without detours."""
    joined = os.path.join(os.path.dirname(file), written)  # noqa: PTH118, PTH120
    short = os.path.normpath(joined)
    try:
        # `link/../base.yaml` is not `base.yaml` where link leads elsewhere.
        return short if Path(short).samefile(joined) else joined
    except (OSError, ValueError):
        return joined if Path(joined).is_symlink() else short


def _moved(finding: Finding, at: Finding | None) -> Finding:
    """A finding about a file as a whole, moved to where the file is named."""
    if at is None or finding.line is not None:
        return finding
    return replace(at, rule=finding.rule, message=finding.message, hint=finding.hint)


_UTF_16_32: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _read_text(name: str) -> str | Finding:
    """The text of the file; a finding, with a line only if it is about the content.

    Args:
        name: Path from the working directory.
    """
    if not name:
        return _missing(name)
    try:
        # Asked before opening: opening a pipe waits for a writer, and a device may act on it.
        mode = Path(name).stat().st_mode
        if not stat.S_ISREG(mode):
            kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "no file")
            message = f"{shown(name)} is {kind}; a config is a regular file"
            hint = "name a YAML file in it" if kind == "a folder" else "save it as a file first"
            return Finding("config.not-a-file", "error", message, file=name, hint=hint)
        # Without waiting, should a pipe have taken its place since.
        with open(os.open(name, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return _missing(name)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        message = f"{shown(name)} can't be read: {reason}"
        return Finding("config.unreadable", "error", message, file=name)
    if len(raw) > MAX_BYTES:
        message = f"{shown(name)} is larger than {MAX_BYTES >> 20} MiB, the limit for a config"
        hint = "check the name: is it a data file or a checkpoint?"
        return Finding("config.too-large", "error", message, file=name, hint=hint)
    return _decode(raw, name)


def _missing(name: str) -> Finding:
    path = Path(name)
    hint = None
    other = path.with_suffix(".yml" if path.suffix == ".yaml" else ".yaml") if path.name else path
    if name == "-":
        hint = "a config is not read from standard input: save it as a file"
    elif name.startswith("~"):
        hint = "`~` stands for the home folder only in a shell: write the whole path"
    elif path.is_symlink():
        hint = f"it is a link to {shown(str(path.readlink()))}, which does not exist"
    elif other.is_file():
        hint = f"there is {shown(str(other))}"
    message = f"there is no file {shown(name)}"
    return Finding("config.missing", "error", message, file=name, hint=hint)


def _decode(raw: bytes, name: str) -> str | Finding:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # error.object is without the byte order mark, which takes no column.
        before, byte = error.object[: error.start], error.object[error.start]
    line = before.count(b"\n") + 1
    column = len(before[before.rfind(b"\n") + 1 :].decode()) + 1
    if raw.startswith(_UTF_16_32):
        message = "the file is in UTF-16 or UTF-32; a config is in UTF-8"
        hint = f"convert it: iconv -f UTF-16 -t UTF-8 {printable(name)}"
    else:
        message = f"the byte 0x{byte:02X} is not UTF-8"
        hint = "save the file as UTF-8; it may be in Latin-1 or another old encoding"
    return Finding("config.encoding", "error", message, "", name, line, column, hint)
