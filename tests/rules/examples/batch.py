"""Examples of the rules `batch.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "batch.global-mismatch": Example(
        ["train.global_batch_size=8", "train.per_device_train_batch_size=3"],
        ["train.global_batch_size=8", "train.per_device_train_batch_size=4"],
    ),
}
