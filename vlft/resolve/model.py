"""The model_type that a run will have, and the template that goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.models import Family, family_of

if TYPE_CHECKING:
    from vlft.rules.base import Context
    from vlft.swift.probe import ModelEntry


def brings_plugins(context: Context) -> bool:
    """Whether own code registers what the installed ms-swift does not know."""
    given = context.config.swift
    return bool(given.get("external_plugins") or given.get("custom_register_path"))


def own_family(context: Context) -> Family | None:
    """The family of the weights, even where `model.type` names another."""
    checkpoint = context.facts.model.checkpoint
    found = family_of(checkpoint.model_type) if checkpoint is not None else None
    return found or context.family


def types_of_architecture(context: Context) -> tuple[str, ...]:
    """The model_types that the checkpoint's first architecture is registered for."""
    checkpoint = context.facts.model.checkpoint
    if checkpoint is None or not checkpoint.architectures:
        return ()
    wanted = checkpoint.architectures[0]
    models = context.facts.swift.models()
    return tuple(name for name, entry in models.items() if wanted in entry.architectures)


def guessed_types(context: Context) -> tuple[str, ...]:
    """What ms-swift itself considers where `model.type` is left out."""
    model = context.facts.model
    checkpoint = model.checkpoint
    if checkpoint is None:
        return context.facts.swift.guess_model_types(model.argument, ())
    return context.facts.swift.guess_model_types(
        checkpoint.path, checkpoint.architectures, checkpoint.args
    )


def is_foreign(context: Context, model_type: str) -> bool:
    """Whether a registered model_type is not one of the checkpoint's architecture."""
    entry = context.facts.swift.models().get(model_type)
    own = types_of_architecture(context)
    return bool(
        entry is not None
        and entry.architectures
        and own
        and model_type not in own
        and model_type not in guessed_types(context)
    )


def resolved_entry(context: Context) -> ModelEntry | None:
    """The registry's entry that the run will use; None if that is open or wrong."""
    models = context.facts.swift.models()
    named = context.config.model.type
    if named is not None:
        return None if is_foreign(context, named) else models.get(named)
    if context.family is not None:
        return models.get(context.family.swift_model_type)
    guessed = guessed_types(context)
    return models.get(guessed[0]) if len(guessed) == 1 else None
