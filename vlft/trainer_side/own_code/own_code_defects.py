"""Defects of code from before transformers 5: what its classes lack, or say in an old form.

Which classes come from a checkpoint, and the log in which mends are told, are here too.
"""

from __future__ import annotations

import sys
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch  # noqa: TID253 - this is the trainer's process
from accelerate import init_empty_weights
from swift.utils import get_logger  # noqa: TID253 - this is the trainer's process
from transformers import PretrainedConfig, PreTrainedModel  # noqa: TID253

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


# Configs that can't be made without arguments.
#
# transformers prints a config as what differs from the defaults, and makes one with none to know
# them: `KeyError: 'architectures'`, where nobody asked for more than to load it.


def allow_bare_configs() -> None:
    """Puts the mend in the way of every config that is read from now on."""
    original: Any = PretrainedConfig.from_dict.__func__

    def from_dict(cls: type[Any], *args: Any, **options: Any) -> Any:
        if is_own_code(cls) and not cls.has_no_defaults_at_init and not _has_defaults(cls):
            cls.has_no_defaults_at_init = True
            tell(f"{cls.__name__} has no defaults, so it is printed whole")
        return original(cls, *args, **options)

    PretrainedConfig.from_dict = classmethod(from_dict)


def _has_defaults(kind: type[Any]) -> bool:
    try:
        kind().to_dict()
    except Exception:  # noqa: BLE001 - it is code of any kind
        return False
    return True


# Methods of a model's base class that transformers 5 no longer has.

_HEAD_MASK = "get_head_mask"


def restore_methods(kind: type[Any]) -> None:
    """Gives a class whose forward asks for a mask of heads the answer that it always got."""
    code = getattr(vars(kind).get("forward"), "__code__", None)
    if code is None or _HEAD_MASK not in code.co_names or hasattr(kind, _HEAD_MASK):
        return

    def get_head_mask(_: Any, head_mask: Any, layers: int) -> list[None]:
        if head_mask is not None:
            message = "vlft: heads can't be masked, transformers 5 has no way to do it"
            raise NotImplementedError(message)
        return [None] * layers

    setattr(kind, _HEAD_MASK, get_head_mask)
    note(kind, f"{kind.__name__} asks for a mask of heads, which transformers 5 has no more: none")


# Buffers that are computed in `__init__` and not stored, such as the tables of rotary positions.
#
# transformers 5 makes a model on the meta device, where nothing is computed, and gives such buffers
# memory as it finds it: the logits become NaN, or merely wrong, in silence. Its own models compute
# them again in `_init_weights`; older code does not. Here the weights alone are made on the meta
# device, as transformers 4 did, and the buffers' values outlive the loading.

_MOVE = "_move_missing_keys_from_meta_to_device"


def fill_buffers(kind: type[Any]) -> None:
    """Makes the model that is loaded as this class keep the buffers that its parts compute."""
    if not IS_TRANSFORMERS_5 or _MOVE in vars(kind) or not hasattr(kind, _MOVE):
        return
    contexts: Any = kind.get_init_context.__func__
    move = getattr(kind, _MOVE)

    def get_init_context(cls: type[Any], *args: Any, **options: Any) -> list[Any]:
        found = contexts(cls, *args, **options)
        return [
            init_empty_weights(include_buffers=False) if _is_meta(one) else one for one in found
        ]

    def moved(self: Any, *args: Any, **options: Any) -> None:
        kept = {name: one for name, one in self.named_non_persistent_buffers() if not one.is_meta}
        move(self, *args, **options)
        with torch.no_grad():
            for name, value in kept.items():
                self.get_buffer(name).copy_(value)
        owners = {type(self.get_submodule(name.rpartition(".")[0])) for name in kept}
        for owner in filter(is_own_code, owners):
            note(
                owner,
                f"the buffers of {owner.__name__} are not stored, so they are kept as computed",
            )

    kind.get_init_context = classmethod(get_init_context)
    setattr(kind, _MOVE, moved)


def _is_meta(context: object) -> bool:
    return isinstance(context, torch.device) and context.type == "meta"


# Tied weights as a list of names, which transformers 5 wants as a mapping to what they share.
#
# With a list, models whose embeddings are tied don't load, and none can be saved: a merge fails
# after all its work.

_TIED = "_tied_weights_keys"


def map_tied_weights(kind: type[Any]) -> None:
    """Makes a class write its ties as a mapping, as soon as its parts are there."""
    if not IS_TRANSFORMERS_5 or not isinstance(vars(kind).get(_TIED), (list, tuple)):
        return
    original = kind.post_init

    @wraps(original)
    def post_init(self: Any) -> None:
        names = getattr(kind, _TIED)
        if isinstance(names, (list, tuple)):
            setattr(kind, _TIED, _mapping(self, names))
            note(kind, f"{kind.__name__} lists its tied weights, now a mapping to the embedding")
        original(self)

    kind.post_init = post_init


def _mapping(model: Any, names: list[str] | tuple[str, ...]) -> dict[str, str] | None:
    """The names with that of the input embedding, which is what such lists mean."""
    shared = getattr(model.get_input_embeddings(), "weight", None)
    source = next((name for name, one in model.named_parameters() if one is shared), None)
    return None if source is None else dict.fromkeys(names, source)


# Code that never calls `post_init()`.
#
# Since transformers 5 that call collects what the parts of a model say of themselves, which weights
# are tied among it; without it loading fails: `'…' object has no attribute
# 'all_tied_weights_keys'`.
# An empty mapping in its place would load, with tied embeddings that are no longer tied: the output
# layer, which such checkpoints don't store, would be left random, and nothing would say so.

_BUSY = "_vlft_in_init"


def finish_init(kind: type[Any]) -> None:
    """Makes a class finish its `__init__` as transformers expects it."""
    if not IS_TRANSFORMERS_5 or "__init__" not in vars(kind):
        return
    original = kind.__init__

    @wraps(original)
    def initialise(self: Any, *args: Any, **options: Any) -> None:
        outermost = _BUSY not in self.__dict__  # a base class of the same code is mended too
        self.__dict__[_BUSY] = True
        original(self, *args, **options)
        if outermost:
            del self.__dict__[_BUSY]
            if not hasattr(self, "all_tied_weights_keys"):
                note(
                    type(self),
                    f"{type(self).__name__} does not call post_init(), so it is called after it",
                )
                self.post_init()

    kind.__init__ = initialise
