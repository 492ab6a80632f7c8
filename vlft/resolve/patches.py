"""Which mends a checkpoint with modelling code of its own needs on the versions that load it.

Such code was written for a transformers of its time. What breaks on today's was tried on the
public code of InternVL 1.5, 2 and 3 and of the first Qwen-VL: see docs/internvl.md. The mends are
the plug-in in trainer_side/own_code, which looks for each defect in the classes that it meets; here
is decided whether it is needed at all, and what to tell of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from vlft.engines.traits import traits_of
from vlft.models import REMOTE_CODE
from vlft.models.base import CodeFacts
from vlft.swift.versions import release

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vlft.config.schema import Config
    from vlft.models.base import Patch, RemoteCode
    from vlft.probe.checkpoint import Checkpoint
    from vlft.probe.collect import Facts
    from vlft.resolve.model import ModelSpec
    from vlft.swift.release import Arguments

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
