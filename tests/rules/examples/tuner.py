"""Examples of the rules `tuner.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "tuner.lora-with-full": Example(["tuner=full", "lora.rank=8"], ["tuner=full"]),
}
