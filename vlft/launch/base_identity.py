"""Whether the model under an adapter still is the one that was trained on."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.runs.exports import mark_weights

if TYPE_CHECKING:
    from vlft.facts.checkpoint import Checkpoint
    from vlft.runs.target import Target


def require_same_base(target: Target, base: Checkpoint, *, fetched: bool = False) -> None:
    """Refuses a base of the right shape with other weights.

    The run's record holds marks of the base's files (`base` in run.json); where it does not, a
    base that was written after the training had begun is taken for another one.

    Args:
        target: The adapter and its run.
        base: The base.
        fetched: Whether it lies in a hub's cache: the training itself may have put it there, so
            its time tells nothing.

    Raises:
        VlftError: If it is not, or may not be, the one that was trained on.
    """
    if target.run is None:
        return
    hint = "name the model that it was trained on: --base DIR; or, if this is it: --trust-base"
    recorded = target.run.record.get("base")
    if isinstance(recorded, dict) and recorded:
        if mark_weights(base) != recorded:
            raise VlftError(
                f"{base.path} has other weights than those that the adapter was trained on", hint
            )
        return
    began = _time(target.run.started)
    if began is None or fetched:
        return
    for name in base.weight_files:
        written = Path(base.path, name).stat().st_mtime
        if written > began.timestamp() + 1:
            moment = datetime.fromtimestamp(written, tz=timezone.utc)
            raise VlftError(
                f"{base.path}/{name} was written at {moment:%Y-%m-%d %H:%M:%S} UTC, after the"
                f" training on it had begun ({began:%Y-%m-%d %H:%M:%S} UTC)",
                hint,
            )


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
