"""A hub's model where its client has put it on this machine; nothing is asked of the network.

Layouts: huggingface_hub's `models--OWNER--NAME/refs` and `snapshots`
(huggingface_hub/constants.py, file_download.py); ModelScope's, of which there were several
(modelscope_hub/_download.py, modelscope/hub/utils/utils.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.inference_settings import base_of, environment, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.runs.target import Target

_YES = ("1", "true", "t", "yes", "y", "on")  # swift/utils/env.py: strtobool


def base_folder(
    target: Target, base: str | None = None, environ: Mapping[str, str] = ENVIRON
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


Hub = Literal["huggingface", "modelscope"]


def cached_model(
    name: str, hub: Hub, revision: str | None = None, environ: Mapping[str, str] = ENVIRON
) -> Path | None:
    """The folder that a hub's client would load a model from without a network.

    Args:
        name: `owner/name`, or `owner/name:folder` as ms-swift takes it.
        hub: Which of the two.
        revision: Branch, tag or commit; the hub's default branch if None.
        environ: Where the caches are, as the clients read it.

    Returns:
        The folder; None if the model was never fetched in this revision.
    """
    owner_and_name, _, inside = name.partition(":")
    owner, slash, model = owner_and_name.partition("/")
    if not slash or not owner or not model or "/" in model or ".." in name.split("/"):
        return None
    search = _huggingface if hub == "huggingface" else _modelscope
    for folder in search(owner, model, revision, environ):
        if (folder / inside).is_dir():
            return folder / inside
    return None


def _huggingface(
    owner: str, model: str, revision: str | None, environ: Mapping[str, str]
) -> Iterator[Path]:
    cache = environ.get("HF_HUB_CACHE") or environ.get("HUGGINGFACE_HUB_CACHE")
    general = environ.get("HF_HOME") or os.path.join(_cache(environ), "huggingface")  # noqa: PTH118
    folder = Path(_expanded(cache or os.path.join(general, "hub"), environ))  # noqa: PTH118
    folder /= f"models--{owner}--{model}"
    wanted = "main" if revision in (None, "master") else str(revision)
    try:
        commit = (folder / "refs" / wanted).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        commit = wanted
    yield folder / "snapshots" / commit


def _modelscope(
    owner: str, model: str, revision: str | None, environ: Mapping[str, str]
) -> Iterator[Path]:
    named = environ.get("MODELSCOPE_CACHE")
    default = os.path.join(_home(environ), ".cache", "modelscope")  # noqa: PTH118
    cache = Path(_expanded(named or default, environ))
    masked = model.replace(".", "___")
    wanted = "master" if revision in (None, "main") else str(revision)
    yield cache / "models" / f"{owner}--{model}" / "snapshots" / wanted
    if wanted == "master":  # older clients kept one revision, and did not say which
        yield cache / "models" / owner / masked
        yield cache / "hub" / "models" / owner / masked
        for above in (cache, cache / "hub"):
            yield above / owner / model
            yield above / owner / masked


def _cache(environ: Mapping[str, str]) -> str:
    return environ.get("XDG_CACHE_HOME") or os.path.join(_home(environ), ".cache")  # noqa: PTH118


def _home(environ: Mapping[str, str]) -> str:
    return environ.get("HOME") or str(Path.home())


def _expanded(path: str, environ: Mapping[str, str]) -> str:
    return os.path.join(_home(environ), path[2:]) if path.startswith("~/") else path  # noqa: PTH118
