# ruff: noqa: TID253  # run by the trainer's interpreter alone
"""Bytes of live storages, as a caching allocator on a GPU would count them."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDING = 512
"""Bytes that c10's CUDACachingAllocator rounds every block up to (kMinBlockSize)."""

aten = torch.ops.aten
_INDEXING = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)


class StorageTracker(TorchDispatchMode):
    """Counts each storage once, from the operator that makes it until it is freed.

    Stands outside a FakeTensorMode, and answers for it what depends on values: a mask of
    vision tokens selects `selected` of them, a comparison that guards the forward holds.

    Attributes:
        live: Bytes alive now.
        peak: The most since `reset`.
        peak_operator: The operator that reached it.
    """

    def __init__(self, selected: int) -> None:
        super().__init__()
        self.live = 0
        self.peak = 0
        self.peak_operator = ""
        self._selected = selected
        self._storages: dict[int, weakref.ref[Any]] = {}

    def reset(self) -> None:
        """Start a new phase at what is alive now."""
        self.peak = self.live
        self.peak_operator = ""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run the operator, then count what it made."""
        del types
        result = self._run(func, args, kwargs or {})
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._count(leaf.untyped_storage(), str(func))
        return result

    def _run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if func is aten._local_scalar_dense.default:  # noqa: SLF001
            return True if args[0].dtype == torch.bool else 1
        if func is aten.nonzero.default:
            return self._positions(args[0])
        if func is aten.masked_select.default:
            return args[0].new_empty(self._selected * args[0].shape[-1])
        if func in _INDEXING and any(_is_mask(index) for index in args[1]):
            indices: list[Any] = []
            for index in args[1]:
                indices += self._positions(index).unbind(1) if _is_mask(index) else [index]
            return func(args[0], indices, *args[2:], **kwargs)
        return func(*args, **kwargs)

    def _positions(self, mask: Any) -> Any:
        return mask.new_empty((self._selected, mask.ndim), dtype=torch.long)

    def _count(self, storage: Any, operator: str) -> None:
        key = storage._cdata  # noqa: SLF001
        if key in self._storages:
            return
        size = -(-storage.nbytes() // ROUNDING) * ROUNDING
        self._storages[key] = weakref.ref(storage, self._forget(key, size))
        self.live += size
        if self.live > self.peak:
            self.peak = self.live
            self.peak_operator = operator

    def _forget(self, key: int, size: int) -> Callable[[Any], None]:
        def forget(_: Any) -> None:
            if self._storages.pop(key, None) is not None:
                self.live -= size

        return forget


def _is_mask(index: Any) -> bool:
    return index is not None and index.dtype == torch.bool
