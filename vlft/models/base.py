"""The shape of a family."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.models.chat import ChatTemplate
    from vlft.models.counts import Vision


@dataclass(frozen=True)
class Family:
    """A model family as ms-swift and transformers know it.

    Attributes:
        title: As people call it.
        hf_model_type: `model_type` in the checkpoint's config.json.
        swift_model_type: ms-swift's model_type.
        template: ms-swift's chat template; None where it depends on the release.
        pixel_variables: Key under `pixels:` → environment variable that the family's
            template reads. A key that is absent has no effect on this family.
        pixel_hint: What to write instead of a key that has no effect.
        templates: Chat templates that its models use.
        vision: How it makes tokens of pictures; None if that is not known.
    """

    title: str
    hf_model_type: str
    swift_model_type: str
    template: str | None
    pixel_variables: Mapping[str, str] = field(default_factory=dict)
    pixel_hint: str = ""
    vision: Vision | None = None
    templates: tuple[ChatTemplate, ...] = ()

    def template_named(self, name: str | None) -> ChatTemplate | None:
        """One of its templates; the family's own for None. None where it has no such one."""
        wanted = name or self.template
        return next((one for one in self.templates if one.name == wanted), None)
