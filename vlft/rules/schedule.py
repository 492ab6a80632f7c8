"""Steps and warmup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.resolve.batch import Batch
from vlft.rules.base import Problem, rule
from vlft.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.resolve.run import RunSpec


@rule(
    "schedule.no-batch",
    "error",
    "swift/dataloader/shard.py: BatchSamplerShard",
    "hardware",
    effect="late",
    says="args.max_steps must be set to a positive value if dataloader does not have a length",
)
def every_process_has_rows(run: RunSpec) -> Iterator[Problem]:
    """Each process gets at least one batch of rows in an epoch."""
    steps, batch = run.steps, run.batch
    if not isinstance(batch, Batch) or steps.passes != 0 or not steps.rows:
        return
    dropped = run.args.flag("dataloader_drop_last")
    yield Problem(
        ("data", "train"),
        f"{counted(steps.rows, 'row')} for {counted(batch.world_size or 1, 'process')}"
        + (f" with {batch.per_device} rows each at a time" if dropped else "")
        + ": nothing would be trained",
        "fewer processes (launch.nproc_per_node)"
        + (" or rows at a time" if dropped else "")
        + ", or more data",
    )


@rule(
    "schedule.rows-below-batch",
    "warning",
    "transformers/trainer.py: set_initial_training_values",
    "hardware",
    effect="silent",
)
def a_step_has_its_rows(run: RunSpec) -> Iterator[Problem]:
    """There are as many rows as the global batch that was asked for."""
    steps, batch, train = (
        run.steps,
        run.batch,
        run.config.train,
    )
    if not isinstance(batch, Batch) or not steps.passes or not steps.rows:
        return
    asked = [
        name
        for name in ("global_batch_size", "gradient_accumulation_steps")
        if getattr(train, name) is not None
    ]
    if asked and batch.global_size is not None and steps.rows < batch.global_size:
        yield Problem(
            ("train", asked[0]),
            f"a step takes {batch.global_size} rows, and there are {steps.rows}: "
            "every step would be a smaller one",
            f"a global batch of {steps.rows} at most",
        )


@rule(
    "schedule.two-lengths",
    "warning",
    "transformers/trainer.py: set_initial_training_values",
    effect="silent",
)
def one_length_of_the_run(run: RunSpec) -> Iterator[Problem]:
    """`max_steps` and `num_train_epochs` are not both given: the first one wins."""
    train = run.config.train
    if train.max_steps is not None and train.num_train_epochs is not None:
        yield Problem(
            ("train", "num_train_epochs"),
            f"`num_train_epochs` has no effect beside `max_steps: {train.max_steps}`",
            "keep one of the two",
            at_key=True,
        )


@rule(
    "schedule.two-warmups",
    "error",
    "swift/trainers/arguments.py: _handle_hf_removed_args",
    effect="aborts",
    says="`warmup_ratio` and `warmup_steps` cannot be set at the same time.",
)
def one_warmup(run: RunSpec) -> Iterator[Problem]:
    """`warmup_ratio` and `warmup_steps` are not both given."""
    if run.args.given("warmup_ratio", float) and run.args.given("warmup_steps", float):
        yield Problem(
            ("swift", "warmup_steps"),
            "`warmup_steps` and `warmup_ratio` are both given",
            "keep one of the two",
            at_key=True,
        )


@rule(
    "schedule.warmup-range",
    "error",
    "swift/trainers/arguments.py: _handle_hf_removed_args; "
    "transformers/training_args.py: _validate_args",
    "hardware",
    effect="aborts",
    says="warmup_",
)
def warmup_is_in_range(run: RunSpec) -> Iterator[Problem]:
    """`warmup_ratio` is below 1, and no warmup is negative."""
    ratio = run.args.given("warmup_ratio", float)
    if ratio is not None and not 0 <= ratio < 1:
        yield Problem(
            ("swift", "warmup_ratio"),
            f"warmup_ratio is {ratio:g}; it is a share of all steps",
            f"write `warmup_steps: {ratio:g}`" if ratio >= 1 else "a number from 0 to below 1",
        )
    steps = run.args.given("warmup_steps", float)
    if steps is not None and steps < 0:
        yield Problem(
            ("swift", "warmup_steps"), f"warmup_steps is {steps:g}", "a number of steps, or 0"
        )


@rule(
    "schedule.warmup-too-long",
    "warning",
    "transformers/training_args.py: get_warmup_steps",
    "hardware",
    effect="silent",
)
def warmup_ends(run: RunSpec) -> Iterator[Problem]:
    """The warmup is over before the run is."""
    given, total = run.args.given("warmup_steps", float), run.steps.total
    if given is None or given < 1 or total is None or int(given) < total:
        return
    yield Problem(
        ("swift", "warmup_steps"),
        f"{counted(int(given), 'step')} of warmup in a run of {total}: the learning rate only "
        "rises",
        "write `warmup_ratio: 0.03`, or fewer steps",
    )


SCHEDULERS = (
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup",
    "inverse_sqrt", "reduce_lr_on_plateau", "cosine_with_min_lr", "cosine_warmup_with_min_lr",
    "warmup_stable_decay", "greedy",
)  # fmt: skip
"""transformers.trainer_utils.SchedulerType, of transformers 5.19."""


@rule(
    "schedule.scheduler",
    "error",
    "transformers/trainer_utils.py: SchedulerType",
    effect="aborts",
    says="is not a valid SchedulerType",
)
def scheduler_is_known(run: RunSpec) -> Iterator[Problem]:
    """`lr_scheduler_type` is a schedule that transformers has."""
    for name in run.args.given_texts("lr_scheduler_type"):
        if name in SCHEDULERS:
            continue
        from vlft.text import nearest  # noqa: PLC0415 - difflib, only on an error

        close = nearest(name, SCHEDULERS)
        yield Problem(
            ("swift", "lr_scheduler_type"),
            f"there is no lr_scheduler_type `{name}`",
            f"did you mean `{close}`?" if close else "one of " + ", ".join(SCHEDULERS),
        )
