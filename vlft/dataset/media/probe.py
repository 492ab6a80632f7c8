"""A picture file's header, in little more than the time of opening it."""

from __future__ import annotations

import errno
import os
import stat
from functools import partial
from typing import TYPE_CHECKING

import xxhash

from vlft.dataset.media.jpeg import parse_jpeg
from vlft.dataset.media.picture import HEAD_BYTES, MediaProblem, Picture
from vlft.dataset.media.png import parse_png
from vlft.dataset.media.problems import (
    MAX_PIXELS,
    empty,
    folder,
    missing,
    not_an_image,
    too_large,
    unreadable,
)
from vlft.dataset.media.webp import parse_webp

if TYPE_CHECKING:
    from pathlib import Path

    from vlft.dataset.media.picture import Parsed

_PARSERS = {b"\xff\xd8\xff": parse_jpeg, b"\x89PN": parse_png, b"RIF": parse_webp}
# A pipe without a writer would block; a file is not affected.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK
_NO_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP})
_hash = xxhash.xxh3_64_intdigest


def probe_picture(path: Path | str, *, check_end: bool = True) -> Picture | MediaProblem:
    """What a file's header says, and whether its end is there.

    JPEG, PNG and WebP are parsed here; any other format, and a file that looks cut off, is
    loaded with Pillow, whose verdict is the trainer's.

    Args:
        path: The file; relative to the working directory.
        check_end: Whether to read the file's end too. Without, a file that was cut off
            after its header passes for whole.
    """
    try:
        fd = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        return _not_opened(os.fspath(path), error)
    name = path if type(path) is str else os.fspath(path)
    try:
        head = os.pread(fd, HEAD_BYTES, 0)
        size = len(head) if len(head) < HEAD_BYTES else os.lseek(fd, 0, os.SEEK_END)
        parse = _PARSERS.get(head[:3])
        if parse is None:
            parsed: Parsed = "odd"
        else:
            parsed = parse(head, size, partial(os.pread, fd), check_end)
        if type(parsed) is tuple and parsed[0] * parsed[1] <= MAX_PIXELS:
            return Picture(*parsed, size, _hash(head), name)
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
    except OSError as error:
        return _not_opened(name, error)
    finally:
        os.close(fd)
    if not regular:
        return not_an_image(name, "no regular file")
    return _second_opinion(name, name, head, size, parsed)


def probe_bytes(content: bytes, name: str) -> Picture | MediaProblem:
    """The same for a file's content.

    Args:
        content: The whole file.
        name: What messages call it.
    """
    head, size = content[:HEAD_BYTES], len(content)
    parse = _PARSERS.get(head[:3])
    parsed = parse(head, size, lambda n, at: content[at : at + n], True) if parse else "odd"
    if type(parsed) is tuple and parsed[0] * parsed[1] <= MAX_PIXELS:
        return Picture(*parsed, size, _hash(head), "")
    return _second_opinion(content, name, head, size, parsed)


def _second_opinion(
    source: str | bytes, name: str, head: bytes, size: int, parsed: Parsed
) -> Picture | MediaProblem:
    """What Pillow makes of a file that the parsers did not accept."""
    if size == 0:
        return empty(name)
    if isinstance(parsed, tuple):
        return too_large(name, parsed[0], parsed[1])
    from vlft.dataset.media.pillow import ask_pillow  # noqa: PLC0415

    found = ask_pillow(source, name, cut=parsed == "cut")
    if isinstance(found, MediaProblem):
        return found
    return Picture(*found, size, _hash(head), name if isinstance(source, str) else "")


def _not_opened(name: str, error: OSError | ValueError) -> MediaProblem:
    if isinstance(error, ValueError) or error.errno in _NO_FILE:
        return missing(name, os.path.realpath(os.curdir), None)
    if error.errno == errno.EISDIR:
        return folder(name)
    if error.errno in {errno.ESPIPE, errno.ENXIO}:
        return not_an_image(name, "no regular file")
    return unreadable(name, error.strerror or str(error))
