"""What identifies a data file without reading all of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import xxhash

if TYPE_CHECKING:
    from pathlib import Path

_SPAN = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A file at the time of the run.

    Attributes:
        path: Absolute path.
        bytes: Size.
        modified: ISO 8601, UTC.
        xxh3: Hash of the first and the last MiB, hexadecimal.
    """

    path: str
    bytes: int
    modified: str
    xxh3: str


def fingerprint(path: Path) -> Fingerprint:
    """Reads at most 2 MiB.

    Raises:
        OSError: If the file can't be read.
    """
    status = path.stat()
    digest = xxhash.xxh3_64()
    with path.open("rb") as stream:
        digest.update(stream.read(_SPAN))
        if status.st_size > _SPAN:
            stream.seek(max(_SPAN, status.st_size - _SPAN), os.SEEK_SET)
            digest.update(stream.read(_SPAN))
    modified = datetime.fromtimestamp(status.st_mtime, tz=timezone.utc)
    return Fingerprint(
        str(path), status.st_size, modified.isoformat(timespec="seconds"), digest.hexdigest()
    )
