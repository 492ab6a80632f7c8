"""InternVL in its original form: tiles and language models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlft.models.internvl import SWIFTS_TILE, has_own_language_model, language_model_of
from vlft.models.tiles import PATCH, SHUFFLE, DynamicTiling, tile_side
from vlft.rules.base import Problem, Problems, RunSpec, rule

if TYPE_CHECKING:
    from collections.abc import Mapping


_TRIED = "InternLM2ForCausalLM"


@rule("info", "silent")
def tile_set(run: RunSpec) -> Problems:
    """A checkpoint's tiles have the side that ms-swift takes for granted.

    Source: swift/template/templates/internvl.py: init_env_args
    """
    side = tile_side(_config(run))
    if side not in (None, SWIFTS_TILE) and "INPUT_SIZE" not in run.variables:
        yield Problem(
            ("model", "path"),
            f"the checkpoint was trained on tiles of {side}×{side} pixels; ms-swift ignores that "
            f"and would cut tiles of {SWIFTS_TILE}: vlft sets INPUT_SIZE={side}",
            f"to choose: `env: {{INPUT_SIZE: {SWIFTS_TILE}}}`",
        )


@rule("warning", "silent")
def tile_other(run: RunSpec) -> Problems:
    """INPUT_SIZE is the side of the tiles that the checkpoint was trained on.

    Source: swift/template/templates/internvl.py: init_env_args
    """
    side, said = tile_side(_config(run)), run.variables.get("INPUT_SIZE")
    if side is not None and said is not None and said.text != str(side):
        message = (
            f"INPUT_SIZE={said.text}, but the checkpoint was trained on tiles of {side}×{side}"
        )
        yield Problem(said.path, message, f"leave it out: vlft takes {side} from the checkpoint")


@rule("error", "late", says="shape mismatch")
def token_count(run: RunSpec) -> Problems:
    """The checkpoint makes as many tokens of a tile as ms-swift counts.

    Source: swift/template/templates/internvl.py: (input_size // 14)**2 * 0.5**2
    """
    config = _config(run)
    vision = config.get("vision_config")
    patch = vision.get("patch_size", PATCH) if isinstance(vision, dict) else PATCH
    ratio = config.get("downsample_ratio", SHUFFLE)
    if (patch, ratio) != (PATCH, SHUFFLE):
        yield Problem(
            ("model", "path"),
            f"ms-swift counts patches of {PATCH} pixels and a downsample_ratio of {SHUFFLE}; the "
            f"checkpoint has {patch} and {ratio}: every row's placeholders would be too many or "
            "too few",
            "ms-swift can't train this checkpoint",
        )


@rule("warning", "late")
def untried(run: RunSpec) -> Problems:
    """A language model in the checkpoint's own code is one that the patches were tested with.

    Source: docs/internvl.md: what was tried
    """
    config = _config(run)
    if not has_own_language_model(config):
        return
    name = language_model_of(config)
    if name != _TRIED:
        yield Problem(
            ("model", "path"),
            f"the checkpoint's own language model is {name}; vlft's mends were tried on {_TRIED}",
            "try a few steps first; the trainer stops before them if the logits are no numbers",
        )


def _config(run: RunSpec) -> Mapping[str, Any]:
    """config.json of a model whose tiles ms-swift cuts; empty for any other model."""
    checkpoint, family = run.facts.model.checkpoint, run.model.weights_family
    vision = family.vision if family is not None else None
    if checkpoint is None or not isinstance(vision, DynamicTiling) or not vision.native:
        return {}
    return checkpoint.config
