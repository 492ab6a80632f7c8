"""Which classes come from a checkpoint, and the log in which mends are told."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from swift.utils import get_logger  # noqa: TID253 - this is the trainer's process
from transformers import PreTrainedModel  # noqa: TID253

if TYPE_CHECKING:
    from collections.abc import Iterator

# The package that transformers imports a checkpoint's files into.
_PACKAGE = "transformers_modules."

IS_TRANSFORMERS_5 = hasattr(PreTrainedModel, "get_expanded_tied_weights_keys")
"""Whether models are made on the meta device, and ties are mappings."""

_NOTES = "_vlft_mends"


def is_own_code(kind: type) -> bool:
    """Whether a class was defined by a checkpoint."""
    return kind.__module__.startswith(_PACKAGE)


def own_models(kind: type) -> Iterator[type[Any]]:
    """All model classes of the checkpoint that a class belongs to, that class among them."""
    package = kind.__module__.rpartition(".")[0] + "."
    # Auto classes make a new type of one that has a `generate`; no module names that.
    found: dict[type[Any], None] = {kind: None}
    for name, module in list(sys.modules.items()):
        if name.startswith(package):
            for value in vars(module).values():
                if _is_model(value) and value.__module__.startswith(package):
                    found[value] = None
    yield from found


def _is_model(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, PreTrainedModel)


def note(kind: type[Any], what: str) -> None:
    """Keeps what was mended in a class, to be told if a model is made of it."""
    setattr(kind, _NOTES, {**vars(kind).get(_NOTES, {}), what: None})


def tell_notes(model: Any) -> None:
    """Tells what was mended in the classes of a model's parts."""
    kinds = dict.fromkeys(type(part) for part in model.modules())
    for what in dict.fromkeys(what for kind in kinds for what in vars(kind).get(_NOTES, ())):
        tell(what)


def tell(what: str) -> None:
    """Says what was mended and why."""
    get_logger().info(f"vlft mends the checkpoint's own code: {what}")
