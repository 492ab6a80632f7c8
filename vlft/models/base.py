"""What vlft knows about a model family: the type that each file of a family fills in.

Code inside a checkpoint was written for a transformers of its time. What breaks on later ones was
found with the public checkpoints: see docs/internvl.md. A family declares here which patches it
needs, by the versions that load it; the plug-in in trainer_side/own_code applies them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec import Struct, field
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vlft.models.architecture import Config, LigerKernels, ModelShape
    from vlft.models.chat import ChatTemplate
    from vlft.models.tiny import TinyModel, TinySize
    from vlft.models.vision import Vision

Patch = Literal[
    "post-init", "ties", "buffers", "generate", "caches", "heads", "config", "bnb-head", "bnb-tower"
]


class CodeFacts(NamedTuple):
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


class CodePatch(NamedTuple):
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


class RemoteCode(NamedTuple):
    """A family whose code is in its checkpoints.

    Attributes:
        swift_model_type: ms-swift's model_type.
        matches: Whether a config.json is of this family.
        own_language_model: See CodeFacts, of a config.json.
        patches: All that its code may need, in the order of the plug-in.
    """

    swift_model_type: str
    matches: Callable[[Config], bool]
    patches: tuple[CodePatch, ...]
    own_language_model: Callable[[Config], bool] = lambda _: False

    def needed(self, facts: CodeFacts) -> tuple[Patch, ...]:
        """The patches that are needed."""
        return tuple(patch.name for patch in self.patches if patch.is_needed(facts))


VideoLoader = Literal["qwen_vl_utils", "transformers", "swift"]


def _no_variables(_: Config) -> dict[str, str]:
    return {}


class Family(Struct, frozen=True):
    """A model family as ms-swift and transformers know it.

    Attributes:
        title: As people call it.
        hf_model_type: `model_type` in the checkpoint's config.json.
        swift_model_type: ms-swift's model_type.
        template: ms-swift's chat template; None where it depends on the release.
        pixel_variables: Key under `pixels:` → environment variable that the family's
            template reads. A key that is absent has no effect on this family.
        pixel_hint: What to write instead of a key that has no effect.
        vision: How it makes tokens of pictures; None if that is not known.
        templates: Chat templates that its models use, with their box convention.
        control_tokens: What the tokenizer takes for control tokens wherever a text holds it.
        video_loader: What opens a video file.
        processor: Whether its checkpoints need the settings of an image processor.
        checkpoint_variables: Environment variables that a run of this config.json needs, because
            ms-swift does not read the value from the checkpoint.
        architecture: Reads its sizes from config.json, for parameters and memory; None if that
            is not known. It may raise KeyError, TypeError, ValueError, ArithmeticError and
            IndexError on a config.json that lacks something.
        liger: Liger's kernels for it; None if there are none.
        awq: Whether autoawq can quantize it.
        needless_packages: Packages that ms-swift asks for and that it runs without.
        remote_code: The code inside its checkpoints and the patches that it needs; None where
            transformers has the code.
        tiny: A tiny model of it for `vlft demo` and tests.
    """

    title: str
    hf_model_type: str
    swift_model_type: str
    template: str | None
    pixel_variables: Mapping[str, str] = field(default_factory=dict)
    pixel_hint: str = ""
    vision: Vision | None = None
    templates: tuple[ChatTemplate, ...] = ()
    control_tokens: tuple[str, ...] = ()
    video_loader: VideoLoader = "qwen_vl_utils"
    processor: bool = True
    checkpoint_variables: Callable[[Config], dict[str, str]] = _no_variables
    architecture: Callable[[Config], ModelShape] | None = None
    liger: LigerKernels | None = None
    awq: bool = False
    needless_packages: tuple[str, ...] = ()
    remote_code: RemoteCode | None = None
    tiny: Callable[[TinySize], TinyModel] | None = None

    def template_named(self, name: str | None) -> ChatTemplate | None:
        """The template of this name, the family's own for None; None if it has no such template."""
        wanted = name or self.template
        return next((one for one in self.templates if one.name == wanted), None)

    def shape(self, config: Config) -> ModelShape | None:
        """The sizes of a model, or None where one is missing or can't be right.

        Args:
            config: config.json, as published or as transformers 4 or 5 writes it.
        """
        if self.architecture is None:
            return None
        try:
            shape = self.architecture(config)
        except (KeyError, TypeError, ValueError, ArithmeticError, IndexError):
            return None
        if not shape.is_plausible:
            return None
        return shape if self.liger is None else replace(shape, liger=self.liger)
