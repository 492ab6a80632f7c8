"""Numbers that are outside of what their reader takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.rules.base import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.resolve.run import RunSpec


@rule(
    "swift.positive",
    "error",
    "transformers/training_args.py: _validate_args",
    effect="aborts",
    says="must be an integer bigger than 0",
)
def numbers_are_positive(run: RunSpec) -> Iterator[Problem]:
    """`torch_empty_cache_steps` is 1 or more."""
    steps = run.args.given("torch_empty_cache_steps", float)
    if steps is not None and steps < 1:
        yield Problem(
            ("swift", "torch_empty_cache_steps"),
            f"torch_empty_cache_steps is {steps:g}",
            "1 or more, or leave it out to never empty the cache",
        )


@rule(
    "schedule.logging-steps",
    "error",
    "transformers/training_args.py: _validate_args",
    "hardware",
    effect="aborts",
    says="requires non-zero --logging_steps",
)
def logging_comes_by_steps(run: RunSpec) -> Iterator[Problem]:
    """`logging_steps` is not 0 where the run logs by steps."""
    strategy = run.args.given("logging_strategy", str) or "steps"
    if strategy == "steps" and run.args.given("logging_steps", float) == 0:
        yield Problem(
            ("swift", "logging_steps"),
            "logging_steps is 0",
            "1 or more; `logging_strategy: no` for no logging",
        )


# Argument → least value, and the value that it stays below (None: there is none).
_RANGES: dict[str, tuple[float, float | None]] = {
    "adam_beta1": (0, 1),
    "adam_beta2": (0, 1),
    "adam_epsilon": (0, None),
    "weight_decay": (0, None),
    "vit_lr": (0, None),
    "aligner_lr": (0, None),
    "dataloader_num_workers": (0, None),
    "dataloader_prefetch_factor": (0, None),
    "dataset_num_proc": (0, None),
}


@rule(
    "swift.range",
    "error",
    "torch/optim/adamw.py: AdamW; torch/utils/data/dataloader.py: DataLoader; "
    "datasets/arrow_dataset.py: map",
    effect="late",
)
def numbers_are_in_range(run: RunSpec) -> Iterator[Problem]:
    """Numbers of the optimizer and of the data loader are in the range that torch takes."""
    for name, (least, below) in _RANGES.items():
        value = run.args.given(name, float)
        if value is not None and (value < least or (below is not None and value >= below)):
            yield Problem(
                ("swift", name),
                f"{name} is {value:g}",
                f"{least:g} or more" + ("" if below is None else f", and below {below:g}"),
            )
