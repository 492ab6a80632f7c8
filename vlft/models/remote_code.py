"""Which compatibility patches the code inside a checkpoint needs, by the versions that load it.

Such code was written for a transformers of its time. What breaks on later ones was found with the
public checkpoints: see docs/internvl.md. A family declares its patches here; the plug-in in
trainer_side/own_code applies them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from vlft.models.architecture import Config

Patch = Literal[
    "post-init", "ties", "buffers", "generate", "caches", "heads", "config", "bnb-head", "bnb-tower"
]


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What decides which patches are needed.

    Attributes:
        transformers: Release that loads the code: (major, minor).
        own_language_model: Whether the language model's class is in the checkpoint as well.
        bare_config: Whether its config class cannot be built without arguments.
        bnb: Whether the weights are, or will be, quantized by bitsandbytes.
    """

    transformers: tuple[int, ...]
    own_language_model: bool = True
    bare_config: bool = True
    bnb: bool = False


@dataclass(frozen=True, slots=True)
class CodePatch:
    """A patch and when it is needed; a condition that is None always holds.

    Attributes:
        name: As the plug-in calls it.
        since: Release of transformers from which it is needed.
        own_language_model: See CodeFacts.
        bare_config: See CodeFacts.
        bnb: See CodeFacts.
    """

    name: Patch
    since: tuple[int, int] = (0, 0)
    own_language_model: bool | None = None
    bare_config: bool | None = None
    bnb: bool | None = None

    def is_needed(self, facts: CodeFacts) -> bool:
        """Whether all conditions hold."""
        return (
            facts.transformers >= self.since
            and self.own_language_model in (None, facts.own_language_model)
            and self.bare_config in (None, facts.bare_config)
            and self.bnb in (None, facts.bnb)
        )


@dataclass(frozen=True, slots=True)
class RemoteCode:
    """A family whose code is in its checkpoints.

    Attributes:
        swift_model_type: ms-swift's model_type.
        matches: Whether a config.json is of this family.
        patches: All that its code may need, in the order of the plug-in.
    """

    swift_model_type: str
    matches: Callable[[Config], bool]
    patches: tuple[CodePatch, ...]

    def needed(self, facts: CodeFacts) -> tuple[Patch, ...]:
        """The patches that are needed."""
        return tuple(patch.name for patch in self.patches if patch.is_needed(facts))
