"""Examples of the rules `memory.*`: a Qwen2-VL-7B on GPUs of different sizes."""

from __future__ import annotations

from examples.base import Example

SEVEN = ["model.path=sized/Qwen2-VL-7B-Instruct", "launch.gpus=auto", "pixels.max=1024*28*28"]
LONG = [*SEVEN, "train.per_device_train_batch_size=4", "train.gradient_accumulation_steps=4"]

EXAMPLES = {
    "memory.does-not-fit": Example(
        [*SEVEN, "tuner=full"], [*SEVEN, "data.max_length=2048"], hardware="A100-40G"
    ),
    "memory.longest-row": Example(
        [*LONG, "data.max_length=8192"], [*LONG, "data.max_length=1100"], hardware="A100-40G"
    ),
}
