"""Autograd by sizes alone: tensors that weigh what torch's would, and are freed when torch's are.

A model's layer is written once, as ordinary Python over these tensors. Running it forward and
backward then replays what the caching allocator of a GPU sees, operator by operator: outputs,
what each operator keeps for its backward, temporaries, gradients as they accumulate. Python's
own reference counts free a storage, as they do for torch, so that a local variable that keeps
an intermediate alive in the model's code does so here.

Sources: torch's derivatives.yaml (what is kept), autograd's engine (order, accumulation),
torch/utils/checkpoint.py (recomputation), c10's CUDACachingAllocator (rounding).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias, get_args

from msgspec import Struct, field

ROUNDING = 512
"""Bytes that every allocation is rounded up to."""

LEAF = 1 << 60
"""Number of a leaf: it runs as soon as its gradient is there, whenever it was made."""

Part = Literal[
    "weights",
    "adapters",
    "gradients",
    "optimizer",
    "buffers",
    "inputs",
    "language",
    "vision",
    "logits",
]
PARTS: tuple[Part, ...] = get_args(Part)


def rounded(size: int) -> int:
    """The size of the block that an allocation gets."""
    return -(-size // ROUNDING) * ROUNDING


class Storage:
    """Bytes of a part, given back when the last reference goes."""

    __slots__ = ("part", "size", "tape")

    def __init__(self, tape: Tape, size: int, part: Part) -> None:
        self.tape = tape
        self.size = rounded(size)
        self.part = part
        tape.grow(part, self.size)

    def charge(self, part: Part) -> None:
        """Move the bytes to another part."""
        self.tape.live[self.part] -= self.size
        self.tape.live[part] += self.size
        self.part = part

    def __del__(self) -> None:
        self.tape.live[self.part] -= self.size
        self.tape.total -= self.size


class Tensor(Struct, eq=False):
    """Elements of some width on a storage, and the operator that made them, if it needs grads.

    Attributes:
        count: Elements.
        width: Bytes of one.
        storage: None for a weight, whose bytes are counted once for all.
        node: None where no gradient flows.
    """

    count: int
    width: int
    storage: Storage | None
    node: Node | None = None


Kept: TypeAlias = tuple[Storage | None, ...]
"""Storages that were kept for an operator's backward."""

Grads: TypeAlias = tuple[Tensor | None, ...]
"""A gradient for each input, None for one that wants none."""

Backward: TypeAlias = Callable[[Tensor, Kept], Grads]
"""From the gradient of the output and what was kept to the gradients of the inputs."""


class Node(Struct, eq=False):
    """An operator of the backward.

    Attributes:
        inputs: Operators that its gradients go to, None where none is wanted.
        kept: Storages kept for it, or the frame of a checkpoint and the place in it.
        pending: The gradient gathered so far.
        uses: Gradients that a leaf waits for; a weight that is used twice gets one sum.
    """

    number: int
    part: Part
    inputs: tuple[Node | None, ...]
    backward: Backward
    kept: Kept = ()
    frame: Frame | None = None
    place: int = 0
    pending: Tensor | None = None
    uses: int = 0


class Frame(Struct):
    """A checkpointed block: its input, and what its recomputation brings back."""

    again: Callable[[], object]
    wanted: int = 0
    kept: list[Kept | None] = field(default_factory=list)
    filled: bool = False


class _EnoughError(Exception):
    """The recomputation has made all that the backward needs."""


class Tape:
    """Bytes alive by part, and the most there ever were."""

    def __init__(self) -> None:
        self.live: dict[Part, int] = dict.fromkeys(PARTS, 0)
        self.total = 0
        self.peak = 0
        self.at_peak: dict[Part, int] = dict(self.live)
        self.part: Part = "language"
        self.grad_enabled = True
        self.casts: list[Storage | None] = []
        self.has_gradients = False
        self.trainable_bytes = 0
        self._gradients: list[Storage] = []
        self._inputs: list[Storage | None] = []
        self._number = 0
        self._frame: Frame | None = None
        self._refilling = False

    def grow(self, part: Part, size: int) -> None:
        """Count bytes; negative ones are given back."""
        self.live[part] += size
        self.total += size
        if self.total > self.peak:
            self.peak = self.total
            self.at_peak = dict(self.live)

    def new(self, count: int, width: int, part: Part | None = None) -> Tensor:
        """A tensor of its own."""
        return Tensor(count, width, Storage(self, count * width, part or self.part))

    def record(
        self,
        output: Tensor,
        inputs: tuple[Tensor, ...],
        backward: Backward,
        kept: tuple[Tensor | None, ...] = (),
    ) -> Tensor:
        """Make the output the result of an operator on inputs, if one of them needs a gradient."""
        if not self.grad_enabled or all(tensor.node is None for tensor in inputs):
            return output
        self._number += 1
        node = Node(self._number, self.part, tuple(x.node for x in inputs), backward)
        output.node = node
        if not self._refilling:
            for source in node.inputs:
                if source is not None:
                    source.uses += 1
        if kept:
            self._keep(node, tuple(None if x is None else x.storage for x in kept))
        return output

    def _keep(self, node: Node, storages: Kept) -> None:
        frame = self._frame
        if frame is None:
            node.kept = storages
        elif self._refilling:
            frame.kept.append(storages)
            if len(frame.kept) == frame.wanted:
                raise _EnoughError
        else:
            node.frame, node.place = frame, frame.wanted
            frame.wanted += 1

    def weight(self, count: int, width: int, *, trainable: bool) -> Tensor:
        """A weight; its own bytes are counted elsewhere, its gradient's are kept here."""
        tensor = Tensor(count, width, None)
        if trainable:
            if not self._refilling:
                self.trainable_bytes += rounded(count * width)
            tensor.node = Node(LEAF, "gradients", (), self._accumulate)
        return tensor

    def wants_grad(self, tensor: Tensor) -> None:
        """Have a gradient flow to a tensor that is no weight (enable_input_require_grads).

        It and its gradient live as long as the graph does, to the end of the backward.
        """
        if tensor.node is not None or not self.grad_enabled:
            return
        self._inputs.append(tensor.storage)

        def keep(gradient: Tensor, _: Kept) -> Grads:
            self._inputs.append(gradient.storage)
            return ()

        tensor.node = Node(LEAF, self.part, (), keep)

    def add_gradients(self, size: int) -> None:
        """Gradients of weights that were not run."""
        if not self.has_gradients and size:
            self._gradients.append(Storage(self, size, "gradients"))

    def _accumulate(self, gradient: Tensor, kept: Kept) -> Grads:
        del kept
        if not self.has_gradients and gradient.storage is not None:
            gradient.storage.charge("gradients")
            self._gradients.append(gradient.storage)
        return ()

    @contextmanager
    def charging(self, part: Part, *, grad: bool = True) -> Iterator[None]:
        """Charge what is made to a part; without grad, keep nothing for the backward."""
        before = self.part, self.grad_enabled
        self.part, self.grad_enabled = part, grad and self.grad_enabled
        try:
            yield
        finally:
            self.part, self.grad_enabled = before

    def checkpoint(self, block: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Run a block, and keep only its input (torch.utils.checkpoint, use_reentrant=False)."""
        if not self.grad_enabled:
            return block(x)
        part = self.part

        def again() -> None:
            with self.charging(part):
                block(x)

        self._frame = Frame(again)
        try:
            return block(x)
        finally:
            self._frame = None

    def _refill(self, frame: Frame) -> None:
        frame.filled = True
        self._frame, self._refilling = frame, True
        try:
            frame.again()
        except _EnoughError:
            pass
        finally:
            self._frame, self._refilling = None, False
            self.casts.clear()

    def backward(self, root: Tensor) -> None:
        """Send a gradient from the loss to the leaves, the latest operator first."""
        node = root.node
        if node is None:
            return
        node.pending = self.new(1, 4)
        root.node = None
        order = 0
        waiting = [(-node.number, order, node)]
        del node
        self.grad_enabled = False
        while waiting:
            node = heapq.heappop(waiting)[2]
            self.part = node.part
            for receiver, gradient in self._run(node):
                receiver.uses -= 1
                if gradient is None or receiver.pending is None:
                    receiver.pending = gradient or receiver.pending
                else:
                    # Out of place, as the oracle counts it; a GPU often adds in place.
                    self.part = receiver.part
                    receiver.pending = self.new(gradient.count, gradient.width)
                if receiver.uses == 0 and receiver.pending is not None:
                    order += 1
                    heapq.heappush(waiting, (-receiver.number, order, receiver))
                del receiver, gradient
            del node
        self._inputs.clear()
        self.grad_enabled = True

    def _run(self, node: Node) -> list[tuple[Node, Tensor | None]]:
        gradient, node.pending = node.pending, None
        assert gradient is not None  # noqa: S101
        kept = node.kept
        if node.frame is not None:
            if not node.frame.filled:
                self.grad_enabled = True
                self._refill(node.frame)
                self.grad_enabled = False
                self.part = node.part
            kept = node.frame.kept[node.place] or ()
            node.frame.kept[node.place] = None
            node.frame = None
        results = node.backward(gradient, kept)
        node.kept = ()
        pairs = zip(node.inputs, results, strict=False)
        return [(to, made) for to, made in pairs if to is not None]
