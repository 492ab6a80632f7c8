"""When checkpoints are written, and what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlft.resolve.batch import Batch
from vlft.resolve.steps import interval
from vlft.rules.base import Problem, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vlft.estimate.disk import Storage
    from vlft.resolve.run import RunSpec


@rule(
    "schedule.whole-steps",
    "error",
    "transformers/training_args.py: _validate_args",
    "hardware",
    effect="aborts",
    says="must be an integer if bigger than 1",
)
def intervals_are_whole(run: RunSpec) -> Iterator[Problem]:
    """`save_steps` and `eval_steps` are whole numbers, or shares below 1."""
    config = run.config
    for name, strategy in (("save_steps", run.save_strategy), ("eval_steps", run.eval_strategy)):
        value = getattr(config.train, name)
        if strategy == "steps" and value is not None and value > 1 and value != int(value):
            yield Problem(
                ("train", name),
                f"{name} is {value:g}",
                f"a whole number such as {round(value)}, or a share of all steps below 1",
            )


@rule(
    "schedule.never-saved",
    "info",
    "swift/trainers/patcher.py: DefaultFlowCallbackNew saves and evaluates after the last step",
    "hardware",
    effect="advice",
)
def intervals_come_within_the_run(run: RunSpec) -> Iterator[Problem]:
    """An interval that was written down comes before the run ends."""
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
            yield Problem(
                ("train", name),
                f"every {steps} steps in a run of {total}: there will be {what}",
                f"fewer than {total}, or a share such as 0.1",
            )


_LARGE = 10**12
_GIGA = 10**9


@rule(
    "schedule.disk",
    "info",
    "transformers/training_args.py: save_total_limit keeps all by default",
    "hardware",
    effect="advice",
)
def checkpoints_fit_on_a_disk(run: RunSpec) -> Iterator[Problem]:
    """A run that would write more than 1 TB of checkpoints says how many it keeps."""
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
        yield Problem(
            ("train", "save_steps"),
            f"{count} checkpoints, {size / _LARGE:.1f} TB at least, are all kept",
            "write `train: {save_total_limit: 2}`",
        )


@rule(
    "schedule.disk-full",
    "error",
    "transformers/trainer.py: _save_checkpoint",
    "hardware",
    effect="late",
    says="No space left on device",
)
def checkpoints_have_room(run: RunSpec) -> Iterator[Problem]:
    """Where the run happens, the disk has room for the checkpoints kept at one time."""
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


@rule(
    "schedule.zero-weights-only",
    "warning",
    "transformers/integrations/deepspeed.py: deepspeed_load_checkpoint",
    effect="silent",
)
def sharded_runs_can_go_on(run: RunSpec) -> Iterator[Problem]:
    """A run with DeepSpeed saves what it needs to go on after an interruption."""
    if run.sharding.deepspeed is not None and run.args.flag("save_only_model"):
        yield Problem(
            ("swift", "save_only_model"),
            "checkpoints of weights alone: DeepSpeed can't go on from them",
            "remove save_only_model, and write `train: {save_total_limit: 2}` if space is short",
            at_key=True,
        )
