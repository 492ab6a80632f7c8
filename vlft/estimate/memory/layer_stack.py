"""A stack of equal layers at the price of three.

What a layer leaves behind is the same for every layer, so bytes change by equal steps along the
stack, forward and backward, and the highest point lies in the first or the last layer. Those two
and one between them are run; the others are a weight on the scales.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlft.estimate.memory.tape import PARTS, Storage, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vlft.estimate.memory.tape import Grads, Kept, Part, Tape

    Block = Callable[[Tensor], Tensor]

_RUN = 3


@dataclass(slots=True)
class Stream:
    """The hidden states on their way through the layers: the only reference to them.

    Attributes:
        tape: Where memory is counted.
        x: The hidden states.
        checkpointing: Whether layers keep only their input.
    """

    tape: Tape
    x: Tensor
    checkpointing: bool

    def layer(self, block: Block) -> None:
        """One layer."""
        if self.checkpointing:
            self.x = self.tape.checkpoint(block, self.x)
        else:
            self.x = block(self.x)

    def layers(self, block: Block, times: int) -> None:
        """Equal layers, one after the other."""
        skipped = max(0, times - _RUN)
        if skipped:
            self.layer(block)
            self._layer_for(block, skipped)
            times = _RUN - 2
        for _ in range(times):
            self.layer(block)

    def _layer_for(self, block: Block, skipped: int) -> None:
        """One layer, and what `skipped` more like it leave."""
        tape = self.tape
        before, casts, trainable = dict(tape.live), len(tape.casts), tape.trainable_bytes
        self.layer(block)
        left = {part: skipped * (tape.live[part] - before[part]) for part in PARTS}
        if self.checkpointing:  # autocast's copies of weights live to the end of the forward
            copies = sum(cast.size for cast in tape.casts[casts:] if cast is not None)
            left[tape.part] -= skipped * copies
            tape.casts.append(Storage(tape, skipped * copies, tape.part))
        self.x = _stand_in(tape, self.x, left, skipped * (tape.trainable_bytes - trainable))


def _stand_in(tape: Tape, x: Tensor, left: Mapping[Part, int], gradients: int) -> Tensor:
    """What the layers that are not run keep, and the gradients they leave when that is freed."""
    stored = [Storage(tape, size, part) for part, size in left.items() if size > 0]
    output = Tensor(x.count, x.width, x.storage)

    def backward(gradient: Tensor, _: Kept) -> Grads:
        stored.clear()
        tape.add_gradients(gradients)
        return (gradient,)

    return tape.record(output, (x,), backward)
