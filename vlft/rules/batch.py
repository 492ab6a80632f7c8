"""Rows per optimizer step."""

from __future__ import annotations

from vlft.resolve.batch import SWIFT_TARGET_BATCH, Mismatch
from vlft.rules.base import Problem, Problems, RunSpec, rule


@rule("error", "silent", "hardware")
def global_mismatch(run: RunSpec) -> Problems:
    """The batch sizes and the processes multiply to one global batch, without a remainder.

    Source: transformers Trainer: no such check exists
    """
    if isinstance(run.batch, Mismatch):
        key = "launch" if run.batch.key == "sequence_parallel_size" else "train"
        yield Problem((key, run.batch.key), run.batch.message, run.batch.hint)


@rule("info", "advice", "hardware")
def default_accumulation(run: RunSpec) -> Problems:
    """Where ms-swift's own accumulation rounds 16 rows to something else, the number is said.

    Source: swift/trainers/arguments.py: max(1, ceil(16 / per_device / world_size))
    """
    train, batch = run.config.train, run.batch
    if train.global_batch_size is not None or train.gradient_accumulation_steps is not None:
        return
    if isinstance(batch, Mismatch) or batch.gradient_accumulation_steps in (None, 1):
        return
    if batch.global_size not in (None, SWIFT_TARGET_BATCH):
        yield Problem(
            ("train", "per_device_train_batch_size"),
            f"global batch size {batch.global_size} ({batch.formula}), "
            f"where ms-swift aims at {SWIFT_TARGET_BATCH}",
            f"write `train: {{global_batch_size: {batch.global_size}}}` if it is meant",
        )


@rule("info", "advice", "hardware")
def eval_larger(run: RunSpec) -> Problems:
    """An evaluation takes no more rows at once than the training.

    Source: swift/trainers/seq2seq_trainer.py: prediction_step
    """
    per_device, batch = run.config.train.per_device_eval_batch_size, run.batch
    if not run.evaluates or per_device is None or isinstance(batch, Mismatch):
        return
    if per_device > batch.per_device:
        yield Problem(
            ("train", "per_device_eval_batch_size"),
            f"evaluation takes {per_device} rows at once, training {batch.per_device}: "
            "the first evaluation may run out of memory, after many steps",
            f"per_device_eval_batch_size: {batch.per_device}, or less",
        )
