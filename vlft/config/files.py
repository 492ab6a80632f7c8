"""The text of a config file, read within bounds: never a device, never more than the limit."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path
from typing import Final

from vlft.config.limits import MAX_BYTES
from vlft.config.places import printable, shown
from vlft.findings import Finding

_UTF_16_32: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_text(name: str) -> str | Finding:
    """The text of the file; a finding, with a line only if it is about the content.

    Args:
        name: Path from the working directory.
    """
    try:
        raw = _read_bytes(name)
    except FileNotFoundError:
        return _missing(name)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        message = f"{shown(name)} can't be read: {reason}"
        return Finding("config.unreadable", "error", message, file=name)
    if isinstance(raw, Finding):
        return raw
    return _decode(raw, name)


def _read_bytes(name: str) -> bytes | Finding:
    if not name:
        raise FileNotFoundError
    # Asked before opening: opening a pipe waits for a writer, and a device may act on it.
    mode = Path(name).stat().st_mode
    if not stat.S_ISREG(mode):
        kind = next((kind for is_kind, kind in _KINDS if is_kind(mode)), "no file")
        message = f"{shown(name)} is {kind}; a config is a regular file"
        hint = "name a YAML file in it" if kind == "a folder" else "save it as a file first"
        return Finding("config.not-a-file", "error", message, file=name, hint=hint)
    # Without waiting, should a pipe have taken its place since.
    with open(os.open(name, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123
        size = os.fstat(file.fileno()).st_size
        raw = b"" if size > MAX_BYTES else file.read(MAX_BYTES + 1)
    if size > MAX_BYTES or len(raw) > MAX_BYTES:
        message = f"{shown(name)} is larger than {MAX_BYTES >> 20} MiB, the limit for a config"
        hint = "check the name: is it a data file or a checkpoint?"
        return Finding("config.too-large", "error", message, file=name, hint=hint)
    return raw


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
