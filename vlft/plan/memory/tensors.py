"""Storages, tensors on them, and the operators of a backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from vlft.plan.memory.tape import Tape

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
PARTS: tuple[Part, ...] = (
    "weights", "adapters", "gradients", "optimizer", "buffers", "inputs", "language", "vision",
    "logits",
)  # fmt: skip


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


class Tensor:
    """Elements of some width on a storage, and the operator that made them, if it needs grads.

    Attributes:
        count: Elements.
        width: Bytes of one.
        storage: None for a weight, whose bytes are counted once for all.
        node: None where no gradient flows.
    """

    __slots__ = ("count", "node", "storage", "width")

    def __init__(
        self, count: int, width: int, storage: Storage | None, node: Node | None = None
    ) -> None:
        self.count = count
        self.width = width
        self.storage = storage
        self.node = node


Backward = Callable[[Tensor, "tuple[Storage | None, ...]"], "tuple[Tensor | None, ...]"]
"""From the gradient of the output and what was kept to the gradients of the inputs."""


class Node:
    """An operator of the backward.

    Attributes:
        inputs: Operators that its gradients go to, None where none is wanted.
        kept: Storages kept for it, or the frame of a checkpoint and the place in it.
        pending: The gradient gathered so far.
        uses: Gradients that a leaf waits for; a weight that is used twice gets one sum.
    """

    __slots__ = (
        "backward", "frame", "inputs", "kept", "number", "part", "pending", "place", "uses",
    )  # fmt: skip

    def __init__(
        self, number: int, part: Part, inputs: tuple[Node | None, ...], backward: Backward
    ) -> None:
        self.number = number
        self.part = part
        self.inputs = inputs
        self.backward = backward
        self.kept: tuple[Storage | None, ...] = ()
        self.frame: Frame | None = None
        self.place = 0
        self.pending: Tensor | None = None
        self.uses = 0


@dataclass(slots=True)
class Frame:
    """A checkpointed block: its input, and what its recomputation brings back."""

    again: Callable[[], object]
    wanted: int = 0
    kept: list[tuple[Storage | None, ...] | None] = field(default_factory=list)
    filled: bool = False
