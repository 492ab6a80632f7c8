"""Mends for checkpoints that bring modelling code of their own, written for an older transformers.

A plug-in of ms-swift (`--external_plugins`), run by the trainer's interpreter and never imported
by vlft. ms-swift imports vlft_own_code.py before it loads a model. Each mend looks for its defect
in the classes of the checkpoint (or in the model that came of them), applies where it finds it, and
says so in the log; classes of transformers' own are left alone.

The modules have long names because ms-swift puts this folder on the import path, first.
"""

from __future__ import annotations

from types import MethodType, SimpleNamespace
from typing import Any

import torch  # noqa: TID253 - this is the trainer's process
from swift.utils import get_logger  # noqa: TID253 - this is the trainer's process
from transformers import PreTrainedModel  # noqa: TID253
from transformers.integrations import is_deepspeed_zero3_enabled  # noqa: TID253

from .own_code_caches import translate_caches
from .own_code_defects import (
    allow_bare_configs,
    fill_buffers,
    finish_init,
    is_own_code,
    map_tied_weights,
    own_models,
    restore_methods,
    tell,
    tell_notes,
)

VERSION = "2"
"""Of the mends together; a run's record holds it."""

_DONE = "_vlft_mended"


def install() -> None:
    """Puts the mends in the way of every model that is loaded from now on."""
    allow_bare_configs()
    original: Any = PreTrainedModel.from_pretrained.__func__

    def from_pretrained(cls: type[Any], *args: Any, **options: Any) -> Any:
        if not is_own_code(cls):
            return original(cls, *args, **options)
        mend_classes(cls)
        wanted = options.pop("output_loading_info", False)
        model, info = original(cls, *args, output_loading_info=True, **options)
        tell_notes(model)
        patch_head(model)
        patch_tower(model)
        check_first_forward(model, info)
        return (model, info) if wanted else model

    PreTrainedModel.from_pretrained = classmethod(from_pretrained)
    get_logger().info(
        f"vlft's mends for checkpoints with own code are in place (version {VERSION})"
    )


def mend_classes(kind: type[Any]) -> None:
    """Mends what can be seen before there is a model."""
    for one in own_models(kind):
        if _DONE not in vars(one):
            setattr(one, _DONE, True)
            restore_methods(one)  # before any forward is wrapped
            translate_caches(one)
            map_tied_weights(one)
            finish_init(one)
    fill_buffers(kind)


# A look at a model that was just loaded, before anything is trained: one forward of few tokens.
#
# What goes wrong while code of another age is loaded goes wrong in silence: buffers that hold
# whatever was in memory, an output layer that nobody tied. Both show here, and end the run.

_TOKENS = 8


def check_first_forward(model: Any, info: dict[str, Any]) -> None:
    """Ends the run if the model can't be what its checkpoint says.

    Args:
        model: As it was loaded.
        info: What transformers says of the loading: `missing_keys` among it.

    Raises:
        RuntimeError: If its output layer is random, or its logits are no numbers.
    """
    parts: Any = getattr(model, "language_model", model)
    head, embedding = parts.get_output_embeddings(), parts.get_input_embeddings()
    if head is None or embedding is None:
        return
    weight = getattr(head, "weight", None)
    names = [name for name, one in model.named_parameters() if one is weight]
    random = sorted(set(names).intersection(info["missing_keys"]))
    if random and weight is not getattr(embedding, "weight", None):
        raise RuntimeError(_random(random[0]))
    # Sharded weights are not whole on any rank before the first step.
    if is_deepspeed_zero3_enabled() or any(one.is_meta for one in model.parameters()):
        return
    if getattr(parts.config, "tie_word_embeddings", False) and not _same(head, embedding):
        raise RuntimeError(_random("the output layer"))
    tokens = torch.arange(1, _TOKENS + 1, device=embedding.weight.device)[None]
    with torch.no_grad():
        logits = parts(input_ids=tokens, use_cache=False).logits
    if not torch.isfinite(logits).all():
        message = (
            "vlft stops before the first step: the loaded model's logits are not numbers; "
            "a buffer or a weight of the checkpoint was not set by this transformers"
        )
        raise RuntimeError(message)
    get_logger().info(
        "vlft looked at the loaded model: finite logits, output layer as it should be"
    )


def _random(name: str) -> str:
    return (
        f"vlft stops before the first step: {name} is random; the checkpoint does not store it, "
        "and it was not tied to the embedding"
    )


def _same(head: Any, embedding: Any) -> bool:
    """Whether both layers hold the same numbers; so too where one is packed by a quantisation."""
    one, other = getattr(head, "weight", None), getattr(embedding, "weight", None)
    if one is None or other is None or one.shape != other.shape or one.dtype != other.dtype:
        return True
    return one is other or bool(torch.equal(one.to(other.device), other))


# Weights quantized by bitsandbytes, in places that take a weight for its type.
#
# ms-swift takes every InternVL's output layer for InternLM2's, on weights of bitsandbytes.
#
# swift/model/models/internlm.py sets `model.language_model.output.state.force_no_igemmlt`. Other
# language models call their output layer `lm_head`, and one that is not quantised has no `state`.


def patch_head(model: Any) -> None:
    """Gives a quantised model's language model what that line sets."""
    language_model = getattr(model, "language_model", None)
    if language_model is None or not getattr(model, "is_quantized", False):
        return
    output = getattr(language_model, "output", None)
    if hasattr(output, "state"):
        return
    if output is None:
        language_model.output = SimpleNamespace(state=SimpleNamespace())
    else:
        output.state = SimpleNamespace()
    tell(f"{type(language_model).__name__} has no output.state, which ms-swift sets: an empty one")


# Towers that ask a weight for the type of their input, on weights that bitsandbytes packed.
#
# Qwen-VL's asks its first linear layer, which is int8 then. ms-swift mends that while it quantises
# (swift/model/models/qwen.py: QwenVLLoader), not when it loads what it has quantised.

_CAST_DTYPE = "get_cast_dtype"


def patch_tower(model: Any) -> None:
    """Makes every such part answer with the type of its weights that are numbers."""
    if not getattr(model, "is_quantized", False):
        return
    for part in model.modules():
        if is_own_code(type(part)) and hasattr(part, _CAST_DTYPE):
            _patch_part(part)


def _patch_part(part: Any) -> None:
    types = [one.dtype for one in part.parameters() if one.is_floating_point()]
    if types and not part.get_cast_dtype().is_floating_point:
        part.get_cast_dtype = MethodType(lambda _: types[0], part)
        tell(f"{type(part).__name__} takes packed weights for the type of its input: {types[0]}")


install()
