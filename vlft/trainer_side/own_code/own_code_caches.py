"""Language models from before transformers' Cache: names of Cache objects, and caches in tuples."""

from __future__ import annotations

import sys
from functools import wraps
from typing import Any

import torch  # noqa: TID253 - this is the trainer's process
from transformers import (  # noqa: TID253 - this is the trainer's process
    DynamicCache,
    GenerationMixin,
)
from transformers.cache_utils import Cache  # noqa: TID253

from .own_code_defects import note

Tuples = tuple[tuple[torch.Tensor, torch.Tensor], ...]

# Names of Cache objects that transformers has taken away since such code was written.
#
# Of 4.41, which the Phi-3 inside InternVL2-4B was written for; each says what it said there of a
# cache without a limit, which is the only kind that `generate` makes by itself.


def restore_cache_names(kind: type[Any]) -> bool:
    """Gives caches back the names that the code around a class asks them for.

    Returns:
        Whether it asks for any: such code takes an empty cache for one that was filled, and is
        better served with tuples, which it knows as well.
    """
    used = [name for name in _NAMES if name in _names_in(kind)]
    given = [name for name in used if not hasattr(DynamicCache, name)]
    for name in given:
        setattr(DynamicCache, name, _NAMES[name])
    if given:
        listed = ", ".join(given)
        note(kind, f"{kind.__name__} asks caches for {listed}, which they had in transformers 4")
    return bool(used)


def _names_in(kind: type[Any]) -> set[str]:
    """Every name that a method of a class in this module looks up."""
    module = sys.modules[kind.__module__]
    classes = [one for one in vars(module).values() if isinstance(one, type)]
    own = [one for one in classes if one.__module__ == kind.__module__]
    codes = [getattr(part, "__code__", None) for one in own for part in vars(one).values()]
    return {name for code in codes if code is not None for name in code.co_names}


def _to_legacy_cache(self: Any) -> Any:
    return tuple((one.keys, one.values) for one in self.layers if one.keys is not None)


def to_cache(pairs: Tuples | None = None) -> Any:
    """An object that holds these keys and values."""
    cache = DynamicCache()
    for layer, (keys, values) in enumerate(pairs or ()):
        cache.update(keys, values, layer)
    return cache


def _usable_length(self: Any, _new: int, layer_idx: int = 0) -> int:
    return int(self.get_seq_length(layer_idx))


_NAMES: dict[str, Any] = {
    "from_legacy_cache": staticmethod(to_cache),
    "to_legacy_cache": _to_legacy_cache,
    "get_usable_length": _usable_length,
    "get_max_length": lambda _: None,
    "seen_tokens": property(lambda self: self.get_seq_length()),
}


# Language models from before transformers' Cache: no `generate`, and caches of plain tuples.
#
# Since transformers 4.50 a model class that does not inherit from GenerationMixin has no
# `generate`. What `generate` then passes is a Cache object, of which such code asks
# `past_key_values[0][0].shape`; an empty one has no first layer.


def translate_caches(kind: type[Any]) -> None:
    """Lets a language model generate, and hides Cache objects from one that knows tuples."""
    if "prepare_inputs_for_generation" not in vars(kind):
        return
    if not issubclass(kind, GenerationMixin):
        kind.__bases__ = (*kind.__bases__, GenerationMixin)
        note(kind, f"{kind.__name__} has no generate, now that of transformers")
    if restore_cache_names(kind) or not _knows_caches(kind):
        _translate_preparation(kind)
        _translate_forward(kind)
        _translate_reordering(kind)
        note(
            kind, f"{kind.__name__} keeps its cache in tuples, translated from and to Cache objects"
        )


def _knows_caches(kind: type[Any]) -> bool:
    """Whether the class says so, or the code around it names a class of caches."""
    names = vars(sys.modules[kind.__module__]).values()
    named = any(isinstance(one, type) and issubclass(one, Cache) for one in names)
    return named or bool(getattr(kind, "_supports_cache_class", False))


def _translate_preparation(kind: type[Any]) -> None:
    original = kind.prepare_inputs_for_generation

    @wraps(original)
    def prepare(
        self: Any, input_ids: Any, past_key_values: Any = None, *args: Any, **options: Any
    ) -> Any:
        if not isinstance(past_key_values, Cache):
            return original(self, input_ids, past_key_values, *args, **options)
        # transformers 5 leaves out a mask of ones; some such code adds what it is given.
        if options.get("attention_mask") is None:
            seen = _seen(input_ids, past_key_values, options.get("inputs_embeds"))
            options["attention_mask"] = input_ids.new_ones(len(input_ids), seen)
        # Such code counts positions itself, and does not cut those that transformers 5 counts.
        options.pop("position_ids", None)
        made = original(self, input_ids, to_tuples(past_key_values), *args, **options)
        return {**made, "past_key_values": past_key_values}

    kind.prepare_inputs_for_generation = prepare


def _seen(input_ids: Any, cache: Any, embedded: Any) -> int:
    """Tokens up to the next one: `input_ids` lack those that came as embeddings."""
    if embedded is None:
        return int(input_ids.shape[1])
    known = int(cache.get_seq_length())
    return known + 1 if known else int(embedded.shape[1])


def _translate_forward(kind: type[Any]) -> None:
    original = kind.forward

    @wraps(original)
    def forward(self: Any, *args: Any, **options: Any) -> Any:
        cache = options.get("past_key_values")
        if not isinstance(cache, Cache):
            return original(self, *args, **options)
        made = original(self, *args, **{**options, "past_key_values": to_tuples(cache)})
        if isinstance(getattr(made, "past_key_values", None), tuple):
            made.past_key_values = to_cache(made.past_key_values)
        return made

    kind.forward = forward


def _translate_reordering(kind: type[Any]) -> None:
    """For beams: a Cache puts itself in order."""
    original = getattr(kind, "_reorder_cache", None)

    def reorder(past_key_values: Any, beam_idx: torch.Tensor) -> Any:
        if not isinstance(past_key_values, Cache) and original is not None:
            return original(past_key_values, beam_idx)
        past_key_values.reorder_cache(beam_idx)
        return past_key_values

    kind._reorder_cache = staticmethod(reorder)  # noqa: SLF001


def to_tuples(cache: Any) -> Tuples | None:
    """Keys and values of every layer; None of an empty cache."""
    layers = getattr(cache, "layers", None)  # since transformers 4.54
    if layers is None:
        pairs = list(zip(cache.key_cache, cache.value_cache, strict=True))
    else:
        pairs = [(one.keys, one.values) for one in layers if one.keys is not None]
    return tuple(pair for pair in pairs if pair[0].numel()) or None
