"""What of a run decides its memory."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Optimizer = Literal["adamw", "adamw_8bit", "sgd"]
Attention = Literal["flash", "sdpa", "eager"]
Sharding = Literal["none", "zero0", "zero1", "zero2", "zero3", "fsdp2"]


class Picture(Struct, frozen=True):
    """A picture, or a frame pair of a video: patches as the tower sees them.

    Attributes:
        height, width: In patches; a tile of InternVL is 1 × its patches with the class token.
    """

    height: int
    width: int

    @property
    def patches(self) -> int:
        """All of them."""
        return self.height * self.width


class RunShape(Struct, frozen=True):
    """One step of a run on one GPU.

    Attributes:
        rows: Rows of the batch; 1 with packing or padding_free.
        tokens: Of a row, vision tokens and padding included; of all rows with packing.
        vision_tokens: Of all rows.
        pictures: Of all rows.
        logits: Rows × tokens whose logits are computed; None: all of them. With
            use_logits_to_keep (ms-swift's default for these models under transformers 5)
            those from the first trained token on.
        lora: Whether LoRA is trained, and not the weights.
        rank, dropout, lora_width, dora: Of LoRA; `lora_width` is 4 bytes, 2 with lora_dtype.
        quant_bits: 4 or 8: bitsandbytes; None: bfloat16.
        freeze_llm, freeze_vit, freeze_aligner: ms-swift's flags.
        gradient_checkpointing, vit_gradient_checkpointing: Of the language model, of the tower.
        attention: The kernel.
        padded: Whether rows of different length are padded (sdpa then builds a mask).
        liger: Whether Liger's kernels are used: no logits.
        accumulating: Whether gradients of earlier micro-batches are there.
        optimizer: What it keeps of a weight.
        sharding: DeepSpeed's stage, or FSDP2.
        offload_optimizer, offload_parameters: To main memory.
        world_size: GPUs that share.
        sequence_parallel: GPUs that share one row.
    """

    tokens: int
    rows: int = 1
    vision_tokens: int = 0
    pictures: tuple[Picture, ...] = ()
    logits: int | None = None
    lora: bool = True
    rank: int = 8
    dropout: float = 0.05
    lora_width: int = 4
    dora: bool = False
    quant_bits: int | None = None
    freeze_llm: bool = False
    freeze_vit: bool = True
    freeze_aligner: bool = True
    gradient_checkpointing: bool = True
    vit_gradient_checkpointing: bool = True
    attention: Attention = "flash"
    padded: bool = False
    liger: bool = False
    accumulating: bool = False
    optimizer: Optimizer = "adamw"
    sharding: Sharding = "none"
    offload_optimizer: bool = False
    offload_parameters: bool = False
    world_size: int = 1
    sequence_parallel: int = 1

    @property
    def patches(self) -> int:
        """Of all pictures."""
        return sum(picture.patches for picture in self.pictures)

    @property
    def autocast(self) -> bool:
        """Whether bf16 autocast is on; DeepSpeed turns the whole model to bfloat16 instead."""
        return not self.sharding.startswith("zero")

    @property
    def adapter_width(self) -> int:
        """Bytes of an adapter's weight."""
        return self.lora_width if self.autocast else 2
