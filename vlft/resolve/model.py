"""The model that a run trains, and what ms-swift takes it for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from vlft.models import family_of

if TYPE_CHECKING:
    from vlft.config.schema import Config
    from vlft.models import Family, Vision
    from vlft.probe.checkpoint_types import Checkpoint
    from vlft.probe.collect import Facts
    from vlft.swift.release import ModelEntry, SwiftFacts


@dataclass(frozen=True)
class ModelSpec:
    """The model of a run.

    Attributes:
        argument: What ms-swift is given: an absolute folder or a hub id.
        checkpoint: The folder's content; None for a hub id or a folder that can't be read.
        named: `model.type`, if it is given.
        swift: The installed ms-swift.
    """

    argument: str
    checkpoint: Checkpoint | None
    named: str | None
    swift: SwiftFacts

    @cached_property
    def guessed_types(self) -> tuple[str, ...]:
        """The model_types that ms-swift considers where none is given."""
        if self.checkpoint is None:
            return self.swift.guess_model_types(self.argument, ())
        return self.swift.guess_model_types(
            self.checkpoint.path, self.checkpoint.architectures, self.checkpoint.args
        )

    @cached_property
    def family(self) -> Family | None:
        """By `model.type`, else by the checkpoint, else by the hub id; None if unknown."""
        if self.named is not None:
            return family_of(self.named)
        if self.checkpoint is not None:
            return family_of(self.checkpoint.model_type)
        return family_of(self.guessed_types[0]) if len(self.guessed_types) == 1 else None

    @cached_property
    def weights_family(self) -> Family | None:
        """The family of the weights, even where `model.type` names another."""
        own = None if self.checkpoint is None else family_of(self.checkpoint.model_type)
        return own or self.family

    @cached_property
    def architecture_types(self) -> tuple[str, ...]:
        """The model_types that the checkpoint's first architecture is registered for."""
        if self.checkpoint is None or not self.checkpoint.architectures:
            return ()
        wanted = self.checkpoint.architectures[0]
        models = self.swift.models()
        return tuple(name for name, entry in models.items() if wanted in entry.architectures)

    def is_foreign(self, model_type: str) -> bool:
        """Whether a registered model_type is not one of the checkpoint's architecture."""
        entry = self.swift.models().get(model_type)
        return bool(
            entry is not None
            and entry.architectures
            and self.architecture_types
            and model_type not in self.architecture_types
            and model_type not in self.guessed_types
        )

    @cached_property
    def entry(self) -> ModelEntry | None:
        """ms-swift's registry entry for the run; None if it is ambiguous or wrong."""
        models = self.swift.models()
        if self.named is not None:
            return None if self.is_foreign(self.named) else models.get(self.named)
        if self.family is not None:
            return models.get(self.family.swift_model_type)
        return models.get(self.guessed_types[0]) if len(self.guessed_types) == 1 else None

    @cached_property
    def vision(self) -> Vision | None:
        """The family's arithmetic for this checkpoint.

        A model that is not here is taken for a published one.
        """
        family, checkpoint = self.family, self.checkpoint
        if family is None or family.vision is None or checkpoint is None:
            return None if family is None else family.vision
        return family.vision.of_checkpoint({**checkpoint.config, **checkpoint.preprocessor})


def resolve_model(config: Config, facts: Facts) -> ModelSpec:
    """The model of a config."""
    return ModelSpec(
        argument=facts.model.argument,
        checkpoint=facts.model.checkpoint,
        named=config.model.type,
        swift=facts.swift,
    )
