"""A dump of an ms-swift as what differs from the newest one's.

Nine arguments and models in ten are the same from one release to the next. The newest dump
stands in full, for it is the one that is read most; each other release holds the lines of its
own, and the names of those that it does not have.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LINES: Final = {"arguments": "name", "models": "model_type"}
"""List of objects in a dump → what its lines are called by; several may share a name."""

_ORDERED: Final = "models"  # the first one that fits a folder's name wins
_NAMES: Final = "templates"


def reduced(document: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """One half of a dump as what differs from the same half of another.

    Args:
        document: The dump; its own version is kept.
        base: The dump that stands in full.
    """
    made = {key: value for key, value in document.items() if not isinstance(value, list)}
    made["base"] = base["ms_swift"]
    if _NAMES in document:
        here, there = set(document[_NAMES]), set(base[_NAMES])
        made["gone_templates"] = sorted(there - here)
        made[_NAMES] = sorted(here - there)
    for key, name in _LINES.items():
        if key not in document:
            continue
        lines, others = _grouped(document[key], name), _grouped(base[key], name)
        made[f"gone_{key}"] = [one for one in others if one not in lines]
        changed = [one for one in lines if lines[one] != others.get(one)]
        if key == _ORDERED:
            made["order"] = " ".join(lines)
        made[key] = [line for one in changed for line in lines[one]]
    return made


def restored(difference: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The dump that `reduced` was made of.

    Raises:
        KeyError: If it was made against another dump.
    """
    if difference["base"] != base["ms_swift"]:
        raise KeyError(difference["base"])
    made = {key: difference[key] for key in ("format", "ms_swift", "transformers")}
    if _NAMES in difference:
        kept = set(base[_NAMES]) - set(difference["gone_templates"])
        made[_NAMES] = sorted(kept | set(difference[_NAMES]))
    for key, name in _LINES.items():
        if key not in difference:
            continue
        lines = _grouped(base[key], name) | _grouped(difference[key], name)
        for one in difference[f"gone_{key}"]:
            del lines[one]
        order = difference["order"].split(" ") if key == _ORDERED else sorted(lines)
        made[key] = list(itertools.chain.from_iterable(lines[one] for one in order))
    return made


def _grouped(lines: Iterable[Mapping[str, Any]], name: str) -> dict[str, list[Mapping[str, Any]]]:
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    for line in lines:
        grouped.setdefault(line[name], []).append(line)
    return grouped
