"""The one door through which a checkpoint's model comes: `from_pretrained` of its class."""

from __future__ import annotations

from typing import Any

from swift.utils import get_logger  # noqa: TID253 - this is the trainer's process
from transformers import PreTrainedModel  # noqa: TID253

from . import (
    bnb_head,
    bnb_tower,
    defaultless_config,
    first_forward,
    gone_methods,
    real_buffers,
    tied_weights,
    tuple_cache,
    unfinished_init,
)
from .own_code_classes import is_own_code, own_models, tell_notes

_DONE = "_vlft_mended"


def install(version: str) -> None:
    """Puts the mends in the way of every model that is loaded from now on.

    Args:
        version: Of the mends, for the log.
    """
    defaultless_config.install()
    original: Any = PreTrainedModel.from_pretrained.__func__

    def from_pretrained(cls: type[Any], *args: Any, **options: Any) -> Any:
        if not is_own_code(cls):
            return original(cls, *args, **options)
        mend_classes(cls)
        wanted = options.pop("output_loading_info", False)
        model, info = original(cls, *args, output_loading_info=True, **options)
        tell_notes(model)
        bnb_head.mend(model)
        bnb_tower.mend(model)
        first_forward.check(model, info)
        return (model, info) if wanted else model

    PreTrainedModel.from_pretrained = classmethod(from_pretrained)
    get_logger().info(
        f"vlft's mends for checkpoints with own code are in place (version {version})"
    )


def mend_classes(kind: type[Any]) -> None:
    """Mends what can be seen before there is a model."""
    for one in own_models(kind):
        if _DONE not in vars(one):
            setattr(one, _DONE, True)
            gone_methods.mend(one)  # before any forward is wrapped
            tuple_cache.mend(one)
            tied_weights.mend(one)
            unfinished_init.mend(one)
    real_buffers.mend(kind)
