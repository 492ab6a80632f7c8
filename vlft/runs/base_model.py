"""The model under an adapter: where it is on this machine, and the code that it carries.

A hub's model is where its client has put it; nothing is asked of the network.

Layouts: huggingface_hub's `models--OWNER--NAME/refs` and `snapshots`
(huggingface_hub/constants.py, file_download.py); ModelScope's, of which there were several
(modelscope_hub/_download.py, modelscope/hub/utils/utils.py).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.probe.checkpoint import read_checkpoint
from vlft.runs.inference_settings import base_of, environment, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.probe.checkpoint import Checkpoint
    from vlft.runs.target import Target

_YES = ("1", "true", "t", "yes", "y", "on")  # swift/utils/env.py: strtobool


def base_checkpoint(target: Target, base: str | None = None) -> Checkpoint | None:
    """The model under an adapter; a whole model is its own.

    A hub's id is looked for without a network: first where the adapter says that its base was
    loaded from, then in the hub's cache, in the revision of the training.

    Args:
        target: The adapter.
        base: Its base; the one that it was trained on if None.

    Returns:
        A model whose weights are all there; None for an id that was not fetched, or not whole.

    Raises:
        VlftError: If the base is not known, is not where it was, or can't be read.
    """
    if target.checkpoint.kind == "model":
        return target.checkpoint
    name = base_of(target, base)
    if Path(name).is_dir():
        return read_checkpoint(name)
    loaded = target.checkpoint.base_model if base is None else None
    if loaded and Path(loaded).is_absolute() and (whole := _whole(Path(loaded))) is not None:
        return whole
    variables = {**ENVIRON, **environment(target)}
    said = next(iter(settings(target).get("use_hf", ())), variables.get("USE_HF", "0"))
    hub: Hub = "huggingface" if said.lower() in _YES else "modelscope"
    planned = target.plan.arguments if target.plan else {}
    revision = next(iter(planned.get("model_revision", ())), None) if base is None else None
    cached = cached_model(name, hub, revision, variables)
    return None if cached is None else _whole(cached)


def _whole(folder: Path) -> Checkpoint | None:
    """The model in a folder; None if there is none, or only its configs as in a cache."""
    try:
        found = read_checkpoint(folder)
    except VlftError:
        return None
    return found if found.weight_files and not found.problems else None


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
    general = _folder(environ, "XDG_CACHE_HOME", default="~/.cache") / "huggingface"
    hub = _folder(environ, "HF_HOME", default=str(general)) / "hub"
    cache = _folder(environ, "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", default=str(hub))
    folder = cache / f"models--{owner}--{model}"
    wanted = "main" if revision in (None, "master") else str(revision)
    try:
        commit = (folder / "refs" / wanted).read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        commit = wanted
    yield folder / "snapshots" / commit


def _modelscope(
    owner: str, model: str, revision: str | None, environ: Mapping[str, str]
) -> Iterator[Path]:
    cache = _folder(environ, "MODELSCOPE_CACHE", default="~/.cache/modelscope")
    masked = model.replace(".", "___")
    wanted = "master" if revision in (None, "main") else str(revision)
    yield cache / "models" / f"{owner}--{model}" / "snapshots" / wanted
    if wanted == "master":  # older clients kept one revision, and did not say which
        yield cache / "models" / owner / masked
        yield cache / "hub" / "models" / owner / masked
        for above in (cache, cache / "hub"):
            yield above / owner / model
            yield above / owner / masked


def _folder(environ: Mapping[str, str], *names: str, default: str) -> Path:
    """What the first of these variables says, `~` being the home of that environment."""
    path = next(filter(None, map(environ.get, names)), default)
    home = environ.get("HOME") or str(Path.home())
    return Path(home, path[2:]) if path.startswith("~/") else Path(path)


def refuse_unread_code(target: Target, base: str | None = None) -> None:
    """Stops before ms-swift runs a folder's Python files, which it does without asking.

    Args:
        target: The weights. A run of vlft's own was consented to when it was trained.
        base: The model under an adapter, if it moved.

    Raises:
        VlftError: If the weights or their base carry code that nobody consented to.
    """
    if target.trusted or target.run is not None:
        return
    loaded = [target.checkpoint]
    with suppress(VlftError):  # said where the base itself is needed
        base_model = base_checkpoint(target, base)
        loaded += [base_model] if base_model is not None else []
    for checkpoint in loaded:
        if checkpoint.carried_code is not None:
            raise VlftError(checkpoint.carried_code, "read it, then say --trust-remote-code")
