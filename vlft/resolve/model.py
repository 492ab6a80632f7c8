"""The model that a run trains, what ms-swift takes it for, and the patches that its code needs."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from vlft.engines.traits import traits_of
from vlft.models import REMOTE_CODE, Family, Vision, family_of
from vlft.models.base import CodeFacts, Patch, RemoteCode
from vlft.swift.versions import release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.schema import Config
    from vlft.probe.checkpoint import Checkpoint
    from vlft.probe.collect import Facts
    from vlft.swift.release import Arguments, ModelEntry, SwiftFacts


class ModelSpec(Struct, frozen=True, dict=True):
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


# Mends of a checkpoint's own code. --------------------------------------------------------------
# Such code was written for a transformers of its time. What breaks on today's was tried on the
# public code of InternVL 1.5, 2 and 3 and of the first Qwen-VL: see docs/internvl.md. The mends are
# the plug-in in trainer_side/own_code, which looks for each defect in the classes that it meets;
# here is decided whether it is needed at all, and what to tell of it.
PATCHES_VERSION: Final = "2"
"""Of the plug-in; it tells the same in the trainer's log."""

PLUGIN: Final = Path(__file__).parents[1] / "trainer_side" / "own_code" / "vlft_own_code.py"

WHY: Final[Mapping[Patch, str]] = {
    "post-init": "the code never calls post_init()",
    "ties": "tied weights are a list, and no merge could be saved",
    "buffers": "rotary tables would be left unset, and every logit NaN",
    "generate": "the language model has no generate",
    "caches": "its caches are those of an older transformers",
    "heads": "it asks for a mask of heads that is no more",
    "config": "its config can't be printed",
    "bnb-head": "ms-swift takes the output layer of a quantised model for InternLM2's",
    "bnb-tower": "the tower takes packed weights for the type of its input",
}
"""Mend → the defect, as a part of a sentence."""


def patches_of(
    checkpoint: Checkpoint | None, packages: Mapping[str, str], *, bnb: bool = False
) -> tuple[Patch, ...]:
    """What has to be mended for a checkpoint to be loaded, trained, merged and asked.

    Args:
        checkpoint: The model; None for a hub id.
        packages: Of the interpreter that loads it; without transformers, today's is meant.
        bnb: Whether the weights are, or will be, quantised by bitsandbytes.
    """
    transformers = release(packages.get("transformers", "5.0"))[:2]
    code = _code_of(checkpoint)
    if checkpoint is None or code is None:
        return ()
    own, bare = code.own_language_model(checkpoint.config), checkpoint.own_code.bare_config
    return code.needed(CodeFacts(transformers, own, bare, bnb))


def _code_of(checkpoint: Checkpoint | None) -> RemoteCode | None:
    """The family whose code a checkpoint brings; None if vlft has no patches for it."""
    if checkpoint is None or not checkpoint.has_auto_map:
        return None
    return next((code for code in REMOTE_CODE if code.matches(checkpoint.config)), None)


def run_patches(config: Config, facts: Facts, model: ModelSpec) -> tuple[Patch, ...]:
    """Those that a config's run needs.

    Of a hub id only ms-swift's name for it is known: then all that its form may need.
    """
    packages = facts.interpreter.packages if facts.interpreter and not in_image(config) else {}
    bnb = config.quant is not None and config.quant.method == "bnb"
    if model.checkpoint is not None:
        return patches_of(model.checkpoint, packages, bnb=bnb or is_bnb(model.checkpoint))
    code = code_of_hub_id(model)
    transformers = release(packages.get("transformers", "5.0"))[:2]
    return () if code is None else code.needed(CodeFacts(transformers, bnb=bnb))


def code_of_hub_id(model: ModelSpec) -> RemoteCode | None:
    """The family of a hub id that brings its own code; None for all others."""
    if model.checkpoint is not None:
        return None
    guessed = model.guessed_types
    return next((code for code in REMOTE_CODE if guessed == (code.swift_model_type,)), None)


def in_image(config: Config) -> bool:
    """Whether an image's own packages train, of which nothing is known here."""
    return traits_of(config.launch.engine).uses_image(config)


def is_bnb(checkpoint: Checkpoint | None) -> bool:
    """Whether a checkpoint's weights are quantised by bitsandbytes."""
    quantization = checkpoint.quantization if checkpoint else None
    return quantization is not None and "gptq" not in str(quantization.get("quant_method"))


def with_patches(arguments: Arguments, patches: tuple[Patch, ...]) -> Arguments:
    """Arguments with the plug-in before the user's own, or without it where it is not needed.

    A plug-in of another vlft, of which a record tells, goes: it may be gone by now.
    """
    others = tuple(one for one in arguments.get("external_plugins", ()) if not is_own_plugin(one))
    plugins = ((str(PLUGIN),) if patches else ()) + others
    kept = {name: texts for name, texts in arguments.items() if name != "external_plugins"}
    return kept | {"external_plugins": plugins} if plugins else kept


def is_patched(arguments: Arguments) -> bool:
    """Whether the plug-in is among the arguments."""
    return any(map(is_own_plugin, arguments.get("external_plugins", ())))


def is_own_plugin(plugin: str) -> bool:
    """Whether this is the plug-in of this vlft or of another one."""
    return Path(plugin).parts[-3:-1] == PLUGIN.parts[-3:-1]
