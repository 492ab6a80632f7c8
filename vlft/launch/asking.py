"""How trained weights are to be used: with what they were trained with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.errors import VlftError
from vlft.facts.interpreter import Interpreter, find_interpreter
from vlft.families import family_of
from vlft.secrets import MASK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.plan.arguments import Arguments
    from vlft.runs.target import Target

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


def interpreter_for(target: Target, environ: Mapping[str, str] = os.environ) -> Interpreter:
    """The Python that trained, if it is still there; else the one that vlft finds.

    Raises:
        VlftError: If none has ms-swift.
    """
    argv = target.run.record.get("argv") if target.run else None
    recorded = argv[0] if argv and Path(argv[0]).is_absolute() and Path(argv[0]).exists() else None
    found = find_interpreter(recorded, environ=environ)
    if found is None or found.swift_dir is None:
        raise VlftError("ms-swift is not installed here", "pip install 'vlft[train]'")
    return found


def weights(target: Target) -> Arguments:
    """`--model`, and `--adapters` for an adapter on its base.

    Raises:
        VlftError: If the adapter's base is not known.
    """
    checkpoint = target.checkpoint
    if checkpoint.kind == "model":
        return {"model": (checkpoint.path,)}
    planned = target.plan.arguments.get("model", ()) if target.plan else ()
    base = planned[0] if planned else checkpoint.base_model
    if not base:
        raise VlftError(
            f"the adapter {checkpoint.path} does not say what model it belongs to",
            "merge it first, or point to the run that made it",
        )
    return {"model": (base,), "adapters": (checkpoint.path,)}


def settings(target: Target) -> Arguments:
    """Template, system prompt and limits of the training run; else what the folder says."""
    if target.plan is not None:
        planned = target.plan.arguments
        return {name: planned[name] for name in _KEPT_ARGUMENTS if name in planned}
    family = family_of(target.checkpoint.model_type)
    if family is None or family.template is None:
        return {}
    return {"model_type": (family.swift_model_type,), "template": (family.template,)}


def environment(target: Target) -> dict[str, str]:
    """Pixel limits and other variables of the training run.

    The devices are not part of it: one process answers, on what the caller has. A secret
    that the record masks is left to the caller's environment.
    """
    if target.plan is None:
        return {}
    kept = {name: value for name, value in target.plan.env.items() if value != MASK}
    if not target.plan.world.cpu:
        kept.pop("CUDA_VISIBLE_DEVICES", None)
    return kept
