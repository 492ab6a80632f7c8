"""How trained weights are to be used: on the model and with the settings of their training.

The model under an adapter is on this machine; that of a hub is where its client has put it, and
nothing is asked of the network.

Layouts: huggingface_hub's `models--OWNER--NAME/refs` and `snapshots`
(huggingface_hub/constants.py, file_download.py); ModelScope's, of which there were several
(modelscope_hub/_download.py, modelscope/hub/utils/utils.py).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vlft.environment import ENVIRON
from vlft.errors import VlftError
from vlft.files import read_json
from vlft.models import checkpoint_variables, family_of
from vlft.probe.checkpoint import Checkpoint, read_checkpoint
from vlft.resolve.model import is_bnb, is_patched, patches_of, with_patches
from vlft.security.secrets import is_masked
from vlft.swift.interpreter import Interpreter, find_interpreter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vlft.runs.target import Target
    from vlft.swift.release import Arguments

_YES = ("1", "true", "t", "yes", "y", "on")  # swift/utils/env.py: strtobool
# What a model must be asked with, as it was trained: ms-swift restores some of these from
# args.json, but none of the pixel limits.
_KEPT_ARGUMENTS = (
    "model_type",
    "template",
    "system",
    "torch_dtype",
    "attn_impl",
    "max_pixels",
    "norm_bbox",
    "agent_template",
    "use_hf",
    "external_plugins",
)
_LIMITS = ("MAX_", "MIN_", "VIDEO_", "IMAGE_", "FPS", "INPUT_SIZE", "MODEL_SEQ_LEN", "QWENVL_")
# ms-swift 2 wrote other names into another file.
_OLD_DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


def interpreter_for(target: Target, *, python: str | None = None) -> Interpreter:
    """The Python that is named, else that of `export.python`, else the one that trained.

    Raises:
        VlftError: If none has ms-swift.
    """
    named = python or target.export.python
    argv = target.run.record.get("argv") if target.run else None
    recorded = argv[0] if argv and Path(argv[0]).is_absolute() and Path(argv[0]).exists() else None
    key = "--python" if python else "export.python"
    found = find_interpreter(named or recorded, key=key)
    if found is None or found.swift_dir is None:
        where = f"in {named}" if named else "here"
        raise VlftError(f"ms-swift is not installed {where}", "pip install 'vlft[train]'")
    return found


def weights(target: Target, base: str | None = None) -> Arguments:
    """`--model`, and `--adapters` for an adapter on its base.

    Args:
        target: The weights.
        base: The adapter's base; the one that it was trained on if None.

    Raises:
        VlftError: If the adapter's base is not known, or is not where it was.
    """
    checkpoint = target.checkpoint
    if checkpoint.kind == "model":
        return {"model": (checkpoint.path,)}
    return {"model": (base_of(target, base),), "adapters": (checkpoint.path,)}


def base_of(target: Target, base: str | None = None) -> str:
    """Folder or hub id of an adapter's base; errors as in `weights`."""
    if base is not None:
        return base
    planned = target.plan.arguments.get("model", ()) if target.plan else ()
    saved = saved_arguments(target)
    named = next(filter(None, (*planned, target.checkpoint.base_model, saved.get("model"))), None)
    if not named:
        raise VlftError(
            f"the adapter {target.checkpoint.path} does not say what model it belongs to",
            "name it: --base DIR, or point to the run that made the adapter",
        )
    if Path(named).is_absolute() and not Path(named).exists():
        raise VlftError(
            f"the model under the adapter is gone: {named}", "name where it is now: --base DIR"
        )
    return str(Path(named).absolute()) if Path(named).is_dir() else named


def settings(target: Target, base: str | None = None) -> Arguments:
    """Template, system prompt and limits of the training run; else what the folder says."""
    if target.plan is not None:
        planned = target.plan.arguments
        return {name: planned[name] for name in _KEPT_ARGUMENTS if name in planned}
    saved = saved_arguments(target)
    kept: Arguments = {
        name: (str(saved[name]).removeprefix("torch."),)
        for name in _KEPT_ARGUMENTS
        if _is_said(saved.get(name))
    }
    kept.pop("external_plugins", None)  # a path of another machine
    if {"model_type", "template"} <= set(kept):
        return kept
    model = model_of(target, base)
    family = family_of(model.model_type if model else None)
    if family is None or family.template is None:
        return kept
    return {"model_type": (family.swift_model_type,), "template": (family.template,)} | kept


def environment(target: Target) -> dict[str, str]:
    """Pixel limits and other variables of the training run.

    The devices are not part of it: one process answers, on what the caller has. A secret
    that the record masks is left to the caller's environment.
    """
    if target.plan is None:
        # ms-swift makes variables of model_kwargs in training, and forgets them afterwards.
        # Limits only: the file came with the weights, and a PYTHONPATH in it would run their code.
        given = saved_arguments(target).get("model_kwargs")
        limits = given if isinstance(given, dict) else {}
        upper = {name.upper(): str(value) for name, value in limits.items()}
        model = model_of(target)
        own = checkpoint_variables(family_of(model.model_type), model.config) if model else {}
        own = {name: value for name, value in own.items() if name not in ENVIRON}
        return own | {name: value for name, value in upper.items() if is_limit(name)}
    kept = {name: value for name, value in target.plan.env.items() if not is_masked(value)}
    if not target.plan.world.cpu:
        kept.pop("CUDA_VISIBLE_DEVICES", None)
    return kept


def is_limit(name: str) -> bool:
    """Whether a variable is one that templates read while they look at pictures and boxes."""
    return name.startswith(_LIMITS)


def saved_arguments(target: Target) -> Mapping[str, Any]:
    """What args.json says, or sft_args.json of ms-swift 2 under today's names."""
    if target.checkpoint.args is not None:
        return target.checkpoint.args
    old = read_json(Path(target.checkpoint.path, "sft_args.json"))
    if old is None:
        return {}
    return {
        "model": old.get("model_id_or_path") or old.get("model_cache_dir"),
        "system": old.get("system"),
        "torch_dtype": _OLD_DTYPES.get(str(old.get("dtype"))),
        "tuner_type": old.get("sft_type"),
    }


def model_of(target: Target, base: str | None = None) -> Checkpoint | None:
    """The model, or that under an adapter; None for a hub id or a base that is not known."""
    if target.checkpoint.kind == "model":
        return target.checkpoint
    try:
        folder = Path(base_of(target, base))
        return read_checkpoint(folder) if folder.is_dir() else None
    except VlftError:
        return None


def patched(
    arguments: Arguments,
    target: Target,
    interpreter: Interpreter,
    base: str | None = None,
    *,
    bnb: bool = False,
) -> Arguments:
    """With the plug-in that patches the model's own code, where these versions need it.

    Args:
        arguments: Of the command.
        target: The weights.
        interpreter: The Python that loads them.
        base: The model under an adapter, if it moved.
        bnb: Whether bitsandbytes is to quantise them.
    """
    model = model_of(target, base)
    if model is None and is_patched(arguments):  # on a hub: as it was trained
        return with_patches(arguments, ("post-init",))
    patches = patches_of(model, interpreter.packages, bnb=bnb or is_bnb(model))
    return with_patches(arguments, patches)


def _is_said(value: object) -> bool:
    return value is not None and value != "" and not isinstance(value, (list, dict))


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
