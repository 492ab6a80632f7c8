"""Examples of the rules `batch.*`."""

from __future__ import annotations

from examples.base import Example

EXAMPLES = {
    "batch.global-mismatch": Example(
        ["train.global_batch_size=8", "train.per_device_train_batch_size=3"],
        ["train.global_batch_size=8", "train.per_device_train_batch_size=4"],
    ),
    "batch.default-accumulation": Example(
        ["launch.gpus=3", "train.per_device_train_batch_size=2"],
        ["launch.gpus=8", "train.per_device_train_batch_size=4"],
    ),
    "batch.eval-larger": Example(
        ["data.val=0.5", "train.per_device_eval_batch_size=8"],
        ["data.val=0.5", "train.per_device_eval_batch_size=1"],
    ),
}
