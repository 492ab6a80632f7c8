"""Sizes of published models by their hub id, for plans made before anything is downloaded.

From the config.json that each was published with; a folder's own file always goes before.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("known_models.json")


def known_config(hub_id: str) -> dict[str, Any] | None:
    """What decides the size of this model, as in its config.json; None if it is not known."""
    return _all().get(hub_id)


@functools.lru_cache(maxsize=1)
def _all() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(_FILE.read_text(encoding="utf-8"))
    return found
