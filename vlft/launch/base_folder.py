"""Where the model under an adapter lies on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.facts.checkpoint import read_checkpoint
from vlft.facts.hub_cache import Hub, cached_model
from vlft.launch.asking import base_of, environment, settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.runs.target import Target

_YES = ("1", "true", "t", "yes", "y", "on")  # swift/utils/env.py: strtobool


def base_folder(
    target: Target, base: str | None = None, environ: Mapping[str, str] = os.environ
) -> Path | None:
    """The folder of an adapter's base.

    A hub's id is looked for without a network: first where the adapter says that its base was
    loaded from, then in the hub's cache, in the revision of the training.

    Args:
        target: The adapter.
        base: Its base; the one that it was trained on if None.
        environ: Where the caches are.

    Returns:
        A folder whose weights are all there; None for an id that was not fetched, or not whole.

    Raises:
        VlftError: If the base is not known, or is not where it was.
    """
    name = base_of(target, base)
    if Path(name).is_dir():
        return Path(name).absolute()
    loaded = target.checkpoint.base_model if base is None else None
    if loaded and Path(loaded).is_absolute() and _is_whole(Path(loaded)):
        return Path(loaded)
    variables = {**environ, **environment(target)}
    said = next(iter(settings(target).get("use_hf", ())), variables.get("USE_HF", "0"))
    hub: Hub = "huggingface" if said.lower() in _YES else "modelscope"
    planned = target.plan.arguments if target.plan else {}
    revision = next(iter(planned.get("model_revision", ())), None) if base is None else None
    cached = cached_model(name, hub, revision, variables)
    return cached if cached is not None and _is_whole(cached) else None


def _is_whole(folder: Path) -> bool:
    """Whether a folder holds a model; a cache may have its configs only."""
    try:
        found = read_checkpoint(folder)
    except VlftError:
        return False
    return bool(found.weight_files) and not found.problems
