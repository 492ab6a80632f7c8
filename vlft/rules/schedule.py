"""Steps and warmup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.resolve.batch import Batch
from vlft.resolve.steps import interval
from vlft.rules.base import Problem, Problems, RunSpec, rule
from vlft.text import counted

if TYPE_CHECKING:
    from vlft.estimate.disk import Storage


@rule("error", "aborts", "hardware", says="must be an integer if bigger than 1")
def whole_steps(run: RunSpec) -> Problems:
    """`save_steps` and `eval_steps` are whole numbers, or shares below 1.

    Source: transformers/training_args.py: _validate_args
    """
    config = run.config
    for name, strategy in (("save_steps", run.save_strategy), ("eval_steps", run.eval_strategy)):
        value = getattr(config.train, name)
        if strategy == "steps" and value is not None and value > 1 and value != int(value):
            hint = f"a whole number such as {round(value)}, or a share of all steps below 1"
            yield Problem.out_of_range(("train", name), value, hint)


@rule("info", "advice", "hardware")
def never_saved(run: RunSpec) -> Problems:
    """An interval that was written down comes before the run ends.

    Source: swift/trainers/patcher.py: DefaultFlowCallbackNew saves and evaluates after the last
    step
    """
    train, total = run.config.train, run.steps.total
    if total is None:
        return
    for name, strategy, what in (
        ("save_steps", run.save_strategy, "one checkpoint, the last"),
        ("eval_steps", run.eval_strategy, "one evaluation, at the end"),
    ):
        value = getattr(train, name)
        steps = None if value is None else interval(value, total)
        if strategy == "steps" and steps is not None and steps > total:
            message = f"every {steps} steps in a run of {total}: there will be {what}"
            yield Problem(("train", name), message, f"fewer than {total}, or a share such as 0.1")


_LARGE = 10**12
_GIGA = 10**9


@rule("info", "advice", "hardware")
def disk(run: RunSpec) -> Problems:
    """A run that would write more than 1 TB of checkpoints says how many it keeps.

    Source: transformers/training_args.py: save_total_limit keeps all by default
    """
    from vlft.estimate.disk import saves_of  # noqa: PLC0415 - only where the rows are counted

    config, checkpoint = run.config, run.facts.model.checkpoint
    if config.train.save_total_limit is not None or config.tuner != "full":
        return
    count = saves_of(run) if run.save_strategy == "steps" else None
    if checkpoint is None or count is None:
        return
    # AdamW keeps two values a weight, in the weights' own type at least.
    copies = 1 if run.args.flag("save_only_model") else 3
    size = checkpoint.weight_bytes * copies * count
    if size > _LARGE:
        message = f"{count} checkpoints, {size / _LARGE:.1f} TB at least, are all kept"
        yield Problem(("train", "save_steps"), message, "write `train: {save_total_limit: 2}`")


@rule("error", "late", "hardware", says="No space left on device")
def disk_full(run: RunSpec) -> Problems:
    """Where the run happens, the disk has room for the checkpoints kept at one time.

    Source: transformers/trainer.py: _save_checkpoint
    """
    free, needed = run.facts.disk_free, _most_kept(run)
    if free is not None and needed is not None and (needed.total_bytes or 0) > free:
        config = run.config
        keeps = config.train.save_total_limit is not None
        yield Problem(
            ("train", "save_total_limit") if keeps else ("output_dir",),
            f"{needed.kept} checkpoints of {needed.checkpoint_bytes / _GIGA:.2f} GB each are kept "
            "at one time, more than is free where `output_dir` lies",
            "name another disk as `output_dir`, or write "
            + ("`swift: {save_only_model: true}`" if keeps else "`train: {save_total_limit: 2}`"),
        )


def _most_kept(run: RunSpec) -> Storage | None:
    """The checkpoints that lie there at one time; None if their number or size is not known."""
    sizes = run.facts.model.sizes
    if run.facts.disk_free is None or sizes is None or not isinstance(run.batch, Batch):
        return None
    # Imported here: only a config that is judged for this machine needs the arithmetic.
    from vlft.estimate.disk import storage  # noqa: PLC0415
    from vlft.estimate.memory.from_config import model_states  # noqa: PLC0415
    from vlft.models import shape_of  # noqa: PLC0415

    model = shape_of(sizes)
    states = None if model is None else model_states(run, model)
    return None if states is None else storage(run, states)


@rule("warning", "silent")
def zero_weights_only(run: RunSpec) -> Problems:
    """A run with DeepSpeed saves what it needs to resume after an interruption.

    Source: transformers/integrations/deepspeed.py: deepspeed_load_checkpoint
    """
    if run.sharding.deepspeed is not None and run.args.flag("save_only_model"):
        message = "checkpoints of weights alone: DeepSpeed can't resume from them"
        hint = "remove save_only_model, and write `train: {save_total_limit: 2}` if space is short"
        yield Problem(("swift", "save_only_model"), message, hint, at_key=True)


@rule(
    "error",
    "late",
    "hardware",
    says="args.max_steps must be set to a positive value if dataloader does not have a length",
)
def no_batch(run: RunSpec) -> Problems:
    """Each process gets at least one batch of rows in an epoch.

    Source: swift/dataloader/shard.py: BatchSamplerShard
    """
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


@rule("warning", "silent", "hardware")
def rows_below_batch(run: RunSpec) -> Problems:
    """There are as many rows as the global batch that was asked for.

    Source: transformers/trainer.py: set_initial_training_values
    """
    steps, batch, train = run.steps, run.batch, run.config.train
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


@rule("warning", "silent")
def two_lengths(run: RunSpec) -> Problems:
    """`max_steps` and `num_train_epochs` are not both given: the first one wins.

    Source: transformers/trainer.py: set_initial_training_values
    """
    train = run.config.train
    if train.max_steps is not None and train.num_train_epochs is not None:
        because = f"`max_steps: {train.max_steps}` decides the length of the run"
        yield Problem.ignored(("train", "num_train_epochs"), because, "keep one of the two")


@rule("error", "aborts", says="`warmup_ratio` and `warmup_steps` cannot be set at the same time.")
def two_warmups(run: RunSpec) -> Problems:
    """`warmup_ratio` and `warmup_steps` are not both given.

    Source: swift/trainers/arguments.py: _handle_hf_removed_args
    """
    if run.args.given("warmup_ratio", float) and run.args.given("warmup_steps", float):
        yield Problem.exclusive(("swift", "warmup_steps"), "warmup_ratio")


@rule("error", "aborts", "hardware", says="warmup_")
def warmup_range(run: RunSpec) -> Problems:
    """`warmup_ratio` is below 1, and no warmup is negative.

    Source: swift/trainers/arguments.py: _handle_hf_removed_args; transformers/training_args.py:
    _validate_args
    """
    ratio = run.args.given("warmup_ratio", float)
    if ratio is not None and not 0 <= ratio < 1:
        hint = f"write `warmup_steps: {ratio:g}`" if ratio >= 1 else "a share from 0 to below 1"
        yield Problem.out_of_range(("swift", "warmup_ratio"), ratio, hint)
    steps = run.args.given("warmup_steps", float)
    if steps is not None and steps < 0:
        yield Problem.out_of_range(("swift", "warmup_steps"), steps, "a number of steps, or 0")


@rule("warning", "silent", "hardware")
def warmup_too_long(run: RunSpec) -> Problems:
    """The warmup is over before the run is.

    Source: transformers/training_args.py: get_warmup_steps
    """
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


@rule("error", "aborts", says="is not a valid SchedulerType")
def scheduler(run: RunSpec) -> Problems:
    """`lr_scheduler_type` is a schedule that transformers has.

    Source: transformers/trainer_utils.py: SchedulerType
    """
    for name in run.args.given_texts("lr_scheduler_type"):
        if name not in SCHEDULERS:
            yield Problem.unknown(
                ("swift", "lr_scheduler_type"), "lr_scheduler_type", name, SCHEDULERS
            )


@rule("error", "aborts", "hardware", says="requires non-zero --logging_steps")
def logging_steps(run: RunSpec) -> Problems:
    """`logging_steps` is not 0 where the run logs by steps.

    Source: transformers/training_args.py: _validate_args
    """
    strategy = run.args.given("logging_strategy", str) or "steps"
    if strategy == "steps" and run.args.given("logging_steps", float) == 0:
        hint = "1 or more; `logging_strategy: no` for no logging"
        yield Problem.out_of_range(("swift", "logging_steps"), 0, hint)
