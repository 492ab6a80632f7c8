"""How ms-swift finds the model_type and the template of a folder.

Follows swift/model/model_meta.py (get_model_info_meta) and swift/template/register.py
(get_template_meta) of ms-swift 4.6: the name of the folder counts first, then a checkpoint's
args.json, then the first architecture in config.json. `swift infer` and `swift export` load
args.json before all else (`load_args`), `swift sft` does not: `args_first` tells which.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vlft.swift.release import ModelEntry, ModelGroup

AMBIGUOUS: Final = "ambiguous"

# Folders of the two hubs' caches are named after the commit; the model's name is further up.
_SNAPSHOTS = (
    re.compile(r"/models--(?:.+?--)?(.+?)/snapshots/"),
    re.compile(r"/models/(?:.+?--)?(.+?)/snapshots/"),
)
_FIRST_VERSION_WITH_TODAYS_TYPES = 4


def guess_model_types(
    models: Mapping[str, ModelEntry],
    folder_path: str,
    architectures: Sequence[str],
    args: Mapping[str, object] | None = None,
    *,
    args_first: bool = False,
) -> tuple[str, ...]:
    """The model_types that ms-swift considers for a folder or hub id.

    Args:
        models: The registry, in its own order.
        folder_path: What `--model` is given.
        architectures: From config.json; only the first one counts.
        args: The folder's args.json, if it has one.
        args_first: Whether args.json comes before the name (infer and export).

    Returns:
        One: ms-swift takes it (from args.json it may be unregistered, then it fails). Several:
        it fails and asks for `--model_type`. None: a multimodal model fails, a text model
        runs without a template.
    """
    told = _told_type(args)
    if told is not None and args_first:
        return (told,)
    matched = _match_name(models, folder_path)
    if matched is not None:
        return (matched[0].model_type,)
    if told is not None:
        return (told,)
    wanted = architectures[0] if architectures else None
    return tuple(
        entry.model_type
        for entry in models.values()
        # Without architectures ms-swift looks for the types that have none either.
        if (wanted in entry.architectures if wanted else not entry.architectures)
    )


def default_template(
    models: Mapping[str, ModelEntry],
    model_type: str | None,
    folder_name: str,
    args: Mapping[str, object] | None = None,
) -> str | None:
    """The template that ms-swift takes where `--template` is not given.

    Args:
        models: The registry.
        model_type: What the guess, or `--model_type`, came to.
        folder_name: What `--model` is given; the last part of a path counts.
        args: The folder's args.json, if it has one.

    Returns:
        Its name; "ambiguous" if several would do, and None if none is known: ms-swift then
        fails and asks for `--template`.
    """
    told = args.get("template") if args else None
    if isinstance(told, str) and told:
        return told
    matched = _match_name(models, folder_name)
    if matched is not None and matched[0].model_type == model_type and matched[1].template:
        return matched[1].template
    entry = models.get(model_type) if model_type else None
    if entry is None:
        return None
    if entry.template is not None:
        return entry.template
    candidates = entry.templates
    return AMBIGUOUS if len(candidates) > 1 else next(iter(candidates), None)


def model_name(path: str) -> str:
    """The name that ms-swift sees in a path or hub id: without owner and cache folders."""
    path = path.rstrip("/")
    for pattern in _SNAPSHOTS:
        if match := pattern.search(path):
            return match[1]
    return path.rsplit("/", 1)[-1].replace("___", ".")  # ModelScope's cache writes ___ for a dot


def _match_name(
    models: Mapping[str, ModelEntry], path: str
) -> tuple[ModelEntry, ModelGroup] | None:
    """The first registered model of that name."""
    name = model_name(path).lower()
    for entry in models.values():
        for group in entry.groups:
            # The same as `name in group.names`, without making that tuple for 237 types.
            if any(hub_id.rsplit("/", 1)[-1].lower() == name for hub_id in group.hub_ids):
                return entry, group
    return None


def _told_type(args: Mapping[str, object] | None) -> str | None:
    """The model_type of an args.json; before ms-swift 4 the names were others."""
    told = args.get("model_type") if args else None
    if args is None or not isinstance(told, str) or not told:
        return None
    major = re.match(r"\d+", str(args.get("swift_version") or ""))
    return told if major and int(major[0]) >= _FIRST_VERSION_WITH_TODAYS_TYPES else None
