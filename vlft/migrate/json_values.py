"""A JSON object of a command line as a mapping of a config."""

from __future__ import annotations

import json
import re
from typing import Final

from vlft.migrate.write import scalar


def as_mapping(text: str) -> str | None:
    """A JSON object as YAML; None where that would not give the same text back.

    What a section of the config owns stays text: vlft would refuse it as a key.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    flat = isinstance(data, dict) and all(
        isinstance(value, (int, str, bool)) for value in data.values()
    )
    if not flat or json.dumps(data, ensure_ascii=False) != text or not data:
        return None
    if not all(re.fullmatch(r"[a-z_]+", key) for key in data):
        return None
    if any(key.upper() in _OWNED_VARIABLES for key in data):
        return None
    return (
        "{"
        + ", ".join(
            f"{scalar(key, is_text=True)}: {json.dumps(value, ensure_ascii=False)}"
            for key, value in data.items()
        )
        + "}"
    )


_OWNED_VARIABLES: Final = frozenset({
    "MIN_PIXELS", "MAX_PIXELS", "MAX_NUM", "VIDEO_MIN_PIXELS", "VIDEO_MAX_PIXELS",
    "VIDEO_MAX_NUM", "FPS", "FPS_MIN_FRAMES", "FPS_MAX_FRAMES",
})  # fmt: skip
