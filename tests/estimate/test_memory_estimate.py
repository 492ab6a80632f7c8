"""What the estimate says about settings that people choose between."""

from __future__ import annotations

import pytest
from estimate.memory_points import config
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vlft.estimate.memory.estimate import Memory, estimate
from vlft.estimate.memory.step_spec import Picture, RunShape
from vlft.models import shape_of
from vlft.models.architecture import ModelShape

GIB = 1024**3


def shape(model: str) -> ModelShape:
    found = shape_of(config(model))
    assert found is not None
    return found


SEVEN_B = shape("Qwen2.5-VL-7B")
LORA = RunShape(tokens=1497, vision_tokens=1369, pictures=(Picture(74, 74),))
NO_CHECKPOINTS = replace(LORA, gradient_checkpointing=False)
FULL = replace(LORA, lora=False, freeze_vit=False, freeze_aligner=False)
EIGHT = replace(FULL, sharding="zero3", world_size=8)


def parts(memory: Memory) -> int:
    return (
        memory.weights
        + memory.adapters
        + memory.gradients
        + memory.optimizer
        + memory.activations
        + memory.logits
        + memory.buffers
    )


@given(
    rows=st.integers(1, 8),
    text=st.integers(16, 4096),
    side=st.integers(2, 60),
    lora=st.booleans(),
    checkpointing=st.booleans(),
    vit=st.booleans(),
    attention=st.sampled_from(["flash", "sdpa", "eager"]),
    sharding=st.sampled_from(["none", "zero1", "zero2", "zero3", "fsdp2"]),
    model=st.sampled_from(["Qwen2-VL-2B", "Qwen2.5-VL-3B", "Qwen3-VL-2B"]),
)
def test_parts_add_up_to_the_peak(
    rows, text, side, lora, checkpointing, vit, attention, sharding, model
):
    run = RunShape(
        tokens=text + side**2,
        rows=rows,
        vision_tokens=rows * side**2,
        pictures=(Picture(2 * side, 2 * side),) * rows,
        lora=lora,
        freeze_vit=vit,
        gradient_checkpointing=checkpointing,
        attention=attention,
        sharding=sharding,
        world_size=4,
    )
    memory = estimate(shape(model), run)
    assert parts(memory) == memory.allocated_peak
    assert memory.allocated_peak < memory.reserved_low <= memory.reserved_high


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (LORA, replace(LORA, gradient_checkpointing=False)),
        (LORA, replace(LORA, rank=64)),
        (LORA, FULL),
        (replace(LORA, quant_bits=4), replace(LORA, quant_bits=8)),
        (replace(LORA, quant_bits=8), LORA),
        (replace(LORA, lora_width=2), LORA),
        (replace(LORA, logits=64), LORA),
        (replace(LORA, liger=True), LORA),
        (NO_CHECKPOINTS, replace(NO_CHECKPOINTS, dora=True)),
        (EIGHT, replace(EIGHT, gradient_checkpointing=False)),
        (EIGHT, replace(EIGHT, world_size=4)),
        (EIGHT, replace(EIGHT, sharding="zero2")),
        (replace(EIGHT, sharding="zero2"), replace(EIGHT, sharding="zero0")),
        (replace(EIGHT, offload_optimizer=True), EIGHT),
        (replace(LORA, sequence_parallel=2, world_size=2), replace(LORA, world_size=2)),
        (LORA, replace(LORA, attention="eager")),
    ],
)
def test_what_takes_more(less, more):
    assert estimate(SEVEN_B, less).allocated_peak < estimate(SEVEN_B, more).allocated_peak


def test_published_runs_come_out_in_their_order():
    """Qwen2.5-VL-7B full, ZeRO-3, liger, four cards, by (gradient, ViT) checkpointing.

    examples/train/multimodal of ms-swift: videos of 12 frames of at most 50,176 pixels, so
    6 × 16 × 16 patches, in rows of four; the length of the answers is taken as 150 tokens.
    """
    measured = {(True, True): 48, (False, True): 56, (True, False): 62, (False, False): 77}
    run = RunShape(
        tokens=384 + 150,
        rows=4,
        vision_tokens=4 * 384,
        pictures=(Picture(16, 96),) * 4,
        logits=400,
        lora=False,
        freeze_vit=False,
        freeze_aligner=False,
        liger=True,
        sharding="zero3",
        world_size=4,
    )
    estimates = {
        setting: estimate(
            SEVEN_B,
            replace(run, gradient_checkpointing=setting[0], vit_gradient_checkpointing=setting[1]),
        )
        for setting in measured
    }
    order = sorted(estimates, key=lambda setting: estimates[setting].allocated_peak)
    assert order == sorted(measured, key=lambda setting: measured[setting])
    for setting, gib in measured.items():
        assert estimates[setting].reserved_low < gib * GIB < estimates[setting].reserved_high


def test_a_batch_without_pictures():
    text = RunShape(tokens=1024)
    assert estimate(SEVEN_B, text).vision_activations == 0
    assert estimate(SEVEN_B, text).allocated_peak > estimate(SEVEN_B, text).weights
