"""Bytes on one GPU at the highest point of a training step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from vlft.estimate.memory.replay import replay
from vlft.estimate.memory.states import States, count, plain_states, states_of
from vlft.estimate.memory.tape import Tape

if TYPE_CHECKING:
    from vlft.estimate.memory.step_spec import RunShape
    from vlft.models.architecture import ModelShape

_MIB = 1024**2
_CONTEXT = (300 * _MIB, 700 * _MIB)
"""A CUDA context with its kernels: from an RTX 3090 to an H100."""
_NCCL = 1024 * _MIB
"""Buffers of NCCL, at most."""
_BLOCKS = 1.01
_LOST = 0.25
_GATHERED = 1.45


class Memory(Struct, frozen=True):
    """What a run takes of each GPU, in bytes.

    The parts add up to `allocated_peak`: they are what is alive at that moment.

    Attributes:
        parameters: Of the model and its adapters, on all GPUs together.
        trainable_parameters: Those that get gradients.
        weights, adapters, gradients, optimizer: Model states, this GPU's share.
        activations: Of the language model and the vision tower, inputs included.
        vision_activations: The vision tower's share of them.
        logits: Logits and their loss.
        buffers: DeepSpeed's buckets and gathered parameters; FSDP2's.
        allocated_peak: The sum: torch.cuda.max_memory_allocated.
        reserved_low, reserved_high: What nvidia-smi may show for it.
    """

    parameters: int
    trainable_parameters: int
    weights: int
    adapters: int
    gradients: int
    optimizer: int
    activations: int
    vision_activations: int
    logits: int
    buffers: int
    allocated_peak: int
    reserved_low: int
    reserved_high: int

    @property
    def middle(self) -> float:
        """Of the reserved range: what a GPU has to hold."""
        return (self.reserved_low + self.reserved_high) / 2


def estimate(model: ModelShape, run: RunShape) -> Memory:
    """Memory of a run; pure, a few milliseconds.

    Args:
        model: From `shape_of`.
        run: One step of it on one GPU.
    """
    plain = plain_states(count(model), run)
    states = states_of(plain, run)
    tape = Tape()
    _load(tape, states, model, run)
    fixed = tape.total
    replay(tape, model, run, keeps_gradients=states.keeps_gradients)
    live, peak = dict(tape.at_peak), tape.peak
    step = sum(tape.live.values()) + states.step_workspace
    if step > peak:
        live, peak = dict(tape.live), step
        live["buffers"] += states.step_workspace
    low, high = _reserved_range(peak, fixed, model, run)
    return Memory(
        parameters=plain.parameters,
        trainable_parameters=plain.trainable,
        weights=live["weights"],
        adapters=live["adapters"],
        gradients=live["gradients"],
        optimizer=live["optimizer"],
        activations=live["language"] + live["vision"] + live["inputs"],
        vision_activations=live["vision"],
        logits=live["logits"],
        buffers=live["buffers"],
        allocated_peak=peak,
        reserved_low=low,
        reserved_high=high,
    )


def _load(tape: Tape, states: States, model: ModelShape, run: RunShape) -> None:
    """Put on the tape what is there before the step."""
    tape.grow("weights", states.weights)
    tape.grow("adapters", states.adapters)
    tape.grow("gradients", states.gradients)
    tape.grow("optimizer", states.optimizer)
    tape.grow("buffers", states.buffers)
    tape.grow("inputs", _inputs(model, run))


def _inputs(model: ModelShape, run: RunShape) -> int:
    """Token ids, labels, positions, and pixels: float32 for Qwen, bfloat16 for InternVL."""
    vision = model.vision
    tokens = run.rows * run.tokens
    labels = tokens if run.logits is None else run.logits
    if vision.tile_patches:
        tiles = run.patches // vision.tile_patches
        pixels = 2 * (run.patches - tiles) * vision.patch_inputs
        return 8 * (2 * tokens + labels) + pixels
    masks = 1 if run.padded else 0
    return 8 * ((4 + masks) * tokens + labels) + 4 * run.patches * vision.patch_inputs


def _reserved_range(peak: int, fixed: int, model: ModelShape, run: RunShape) -> tuple[int, int]:
    """Low and high end of what the process holds, in bytes.

    Args:
        peak: Allocated, at most.
        fixed: What of it stays between steps.
        model: The model.
        run: The step.
    """
    low = int(peak * _BLOCKS) + _CONTEXT[0]
    high = peak + int(_LOST * (peak - fixed)) + _workspace(model, run)
    if run.sharding == "zero3":
        high = max(high, int(peak * _GATHERED))
    return low, max(low, high + _CONTEXT[1] + (_NCCL if run.world_size > 1 else 0))


def _workspace(model: ModelShape, run: RunShape) -> int:
    """Flash attention's float32 dQ and expanded dK, dV; masked_scatter's positions."""
    text = model.text
    tokens = run.rows * run.tokens // run.sequence_parallel
    attention = 8 * tokens * text.heads * text.head_dim
    scatter = 8 * tokens * text.hidden if run.pictures else 0
    return max(attention, scatter)
