"""What has changed since a run was started, so that going on would be another run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlft.resolve.patches import is_own_plugin
from vlft.runs.record import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.runs.record import Run

_RESUMING = frozenset({"resume_from_checkpoint"})
"""Arguments that differ because the run goes on."""

_ONCE_UNSAID = frozenset({"arguments.add_version", "env.OMP_NUM_THREADS", "world.gpus_per_node"})
"""What plans of earlier releases left out, whose commands had it all the same."""


def changed_data(run: Run) -> tuple[str, ...]:
    """The data files that are not as they were, each as a sentence without its period."""
    return tuple(_changed_data(run.record))


def _changed_data(record: Mapping[str, Any]) -> Iterator[str]:
    for known in record.get("data") or ():
        path = Path(str(known.get("path")))
        try:
            now = fingerprint(path)
        except OSError as error:
            yield f"{path} can't be read: {error.strerror}"
            continue
        if now.bytes != known.get("bytes"):
            yield f"{path} had {known.get('bytes')} bytes, and has {now.bytes}"
        elif now.xxh3 != known.get("xxh3"):
            yield f"{path} has another content than before"


def changed_plan(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """The differences of two plans, each as a sentence without its period.

    Args:
        before: plan.json of the run.
        now: What would be planned now, secrets masked alike.
    """
    return tuple(_differences(before, now, ""))


def _differences(before: Any, now: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys((*before, *now)):
            if key not in _RESUMING:
                inner = f"{path}.{key}" if path else str(key)
                yield from _differences(before.get(key), now.get(key), inner)
    elif before is None and path in _ONCE_UNSAID:
        return
    elif _plain(before) != _plain(now):
        name = path.removeprefix("arguments.").removeprefix("env.")
        yield f"{name} was {_shown(before)}, and is {_shown(now)}"


def _plain(value: Any) -> Any:
    """What is compared: where vlft is installed, and so its plug-in, does not change a run."""
    if not isinstance(value, (list, tuple)):
        return value
    return ["" if isinstance(one, str) and is_own_plugin(one) else one for one in value]


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    return "not set" if value is None else str(value)
