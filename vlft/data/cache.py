"""Verdicts on files that were checked before, in the user's cache folder.

A verdict holds for the same bytes (path, size, time of change), settings and releases; whether
the pictures that the rows name are still there is not asked again.
"""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
import xxhash

from vlft import __version__
from vlft.files import read_json, write_json
from vlft.probe.data_entries import parse_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlft.data.from_config import ConfiguredData

_SCHEMA = 2


def verdict_key(data: ConfiguredData) -> str:
    """What the verdict on a config's data depends on, as a file name."""
    files: list[object] = []
    for name in (*data.train, "", *data.val):
        source = parse_entry(name, data.settings.cwd) if name else None
        if source is not None and source.kind == "file":
            status = source.file.stat()
            files.append((name, status.st_size, status.st_mtime_ns, status.st_ino))
        else:
            files.append(name)
    settings = data.settings
    family = settings.family.swift_model_type if settings.family else None
    told = (_SCHEMA, __version__, files, family, repr(settings.limits), str(settings.cwd))
    more = (
        settings.root_image_dir, str(settings.tokenizer), settings.template, settings.task,
        sorted(map(str, settings.swift.items())), settings.max_length, settings.truncation,
        settings.norm_bbox, sorted(settings.columns.items()), settings.aliases, settings.strict,
        settings.lazy, settings.zero3, settings.fetch, settings.video_reader,
        settings.swift_dir,
        find_spec("av") is not None,
    )  # fmt: skip
    return xxhash.xxh3_128_hexdigest(json.dumps([told, more], default=str).encode())


def read_verdict(key: str) -> list[Any] | None:
    """The rows that `write_verdict` kept; None if there are none."""
    kept = read_json(_folder() / f"{key}.json")
    return None if kept is None else kept.get("told")


def write_verdict(key: str, told: Sequence[Sequence[object]]) -> None:
    """Keeps a verdict. A cache that can't be written is no reason to stop."""
    try:
        _folder().mkdir(parents=True, exist_ok=True)
        write_json(_folder() / f"{key}.json", {"told": [list(row) for row in told]})
    except OSError:
        return


def _folder() -> Path:
    return Path(platformdirs.user_cache_dir("vlft", appauthor=False), "data")
