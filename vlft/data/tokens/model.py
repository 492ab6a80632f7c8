"""The family behind a model folder, a hub id or a family's name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlft.errors import UsageError
from vlft.models import FAMILIES, Family, family_of

if TYPE_CHECKING:
    from vlft.models import Vision
    from vlft.probe.checkpoint import Checkpoint


@dataclass(frozen=True)
class TokenModel:
    """A model as far as pictures go.

    Attributes:
        family: Its family.
        vision: The family's arithmetic, with what the checkpoint says.
    """

    family: Family
    vision: Vision


def find_model(name: str) -> TokenModel:
    """The model that a user means.

    Args:
        name: A folder with a config.json, a family (`qwen2_vl`), or a hub id that ms-swift
            knows.

    Raises:
        VlftError: If there is none, or no arithmetic is known for it.
    """
    family = family_of(name)
    if family is not None and not Path(name).is_dir():
        return _with_vision(family, name, None)
    if Path(name).exists():
        from vlft.probe.checkpoint import read_checkpoint  # noqa: PLC0415 - not for every model

        checkpoint = read_checkpoint(name)
        return _with_vision(family_of(checkpoint.model_type), name, checkpoint)
    return _with_vision(family_of(_registered(name)), name, None)


def of_checkpoint(family: Family, checkpoint: Checkpoint | None) -> TokenModel | None:
    """A family's arithmetic for one checkpoint; None if the family has none."""
    if family.vision is None:
        return None
    if checkpoint is None:
        return TokenModel(family, family.vision)
    settings = {**checkpoint.config, **checkpoint.preprocessor}
    return TokenModel(family, family.vision.of_checkpoint(settings))


def _with_vision(family: Family | None, name: str, checkpoint: Checkpoint | None) -> TokenModel:
    model = of_checkpoint(family, checkpoint) if family else None
    if model is not None:
        return model
    known = ", ".join(family.swift_model_type for family in FAMILIES)
    kind = f" (model_type {checkpoint.model_type!r})" if checkpoint else ""
    raise UsageError(
        f"nothing is known about the tokens of `{name}`{kind}",
        f"name a model folder, a hub id, or one of the families {known}",
    )


def _registered(name: str) -> str | None:
    """The model_type that ms-swift finds for a hub id; None for one that it does not know."""
    from vlft.swift.probe import read_swift  # noqa: PLC0415 - a dump of a megabyte

    guessed = read_swift(None).guess_model_types(name, ())
    return guessed[0] if len(guessed) == 1 else None
